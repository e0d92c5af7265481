"""One run of an experiment is one MLflow run, across its stages and interruptions."""

import json
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from matplotlib.figure import Figure
from mlflow.data.meta_dataset import MetaDataset
from mlflow.data.sources import LocalArtifactDatasetSource
from mlflow.entities import Run as StoredRun

from pipeline.config import Config, dump, flatten
from pipeline.storage import PROCESSED, RAW, REPORTS, file_digests, folder_digest, link_or_copy, write_json
from pipeline.tracking.errors import TrackingError
from pipeline.tracking.outbox import outbox
from pipeline.tracking.provenance import commit, environment, machine
from pipeline.tracking.tags import COMMIT, DATA, DIRTY, SOURCE_COMMIT

RUN_FILE = REPORTS / "run.json"
LONGEST_DATASET_NAME = 100
CONFIG, DIFF, ENVIRONMENT, MACHINE = "config.yaml", "uncommitted.diff", "environment.txt", "machine.json"
"""Files of a run's record that are needed to reproduce it."""
EVALUATED_WITH = "evaluation.json"
"""File of a run's record: the settings of the evaluation whose scores the run has."""


@dataclass(frozen=True)
class RunReference:
    """The reference to a run, which `reports/run.json` carries from the train stage to later stages."""

    run_id: str
    tracking_uri: str

    def save(self) -> None:
        """Write `reports/run.json`."""
        write_json(RUN_FILE, {"run_id": self.run_id, "tracking_uri": self.tracking_uri})

    @classmethod
    def load(cls) -> Self:
        """Read `reports/run.json`.

        Raises:
            TrackingError: The file is missing or corrupt.
        """
        try:
            return cls(**json.loads(RUN_FILE.read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError) as error:
            raise TrackingError(f"{RUN_FILE}: cannot be read ({error}); `dvc repro train` writes it") from error


class Run:
    """An open MLflow run, whose events are delivered asynchronously, in order and idempotently.

    Args:
        uri: The address of the store.
        stored: The run as it was when it was opened.
        resumed: Whether an earlier process opened the run first.
        times: The timestamps of the epochs that the run already has, by epoch.
    """

    def __init__(
        self, uri: str, stored: StoredRun, *, resumed: bool = False, times: Mapping[int, int] | None = None
    ) -> None:
        self._uri, self._stored, self._times = uri, stored, times or {}
        self.id: str = stored.info.run_id
        self.resumed = resumed

    def next_step(self, prefix: str) -> int:
        """Return the step after the last one of the metrics with this prefix that the run had when it was opened."""
        known = (metric.step for metric in self._stored.data._metric_objs if metric.key.startswith(prefix))
        return 1 + max(known, default=-1)

    def queue(self, kind: str, content: Mapping[str, Any], fill: Callable[[Path], None] | None = None) -> None:
        """Queue an event in the outbox; for its kinds see `delivery.DELIVER`."""
        outbox().put(self._uri, self.id, kind, content, fill)

    def tags(self, tags: Mapping[str, str]) -> None:
        """Set tags."""
        self.queue("tags", {"tags": dict(tags)})

    def log_config(self, config: Config) -> None:
        """Log every setting as a flat param, and the configuration as a file; params that the run has are kept."""
        params = {_allowed(name): str(value) for name, value in flatten(config.recorded)}
        missing = {name: value for name, value in params.items() if name not in self._stored.data.params}
        if missing:
            # The file comes first: a run that has the params is assumed to have the file, too.
            self.log_text(dump(config), CONFIG)
            self.queue("params", {"params": missing})

    def log_provenance(self) -> None:
        """Log commit, uncommitted changes, machine and installed packages."""
        state = commit()
        if state is not None:
            self.tags({SOURCE_COMMIT: state.commit, COMMIT: state.commit[:10], DIRTY: str(state.dirty).lower()})
            if state.diff:
                self.log_text(state.diff, DIFF)
        self.log_text(json.dumps(machine(), indent=2), MACHINE)
        self.log_text(environment(), ENVIRONMENT)

    def log_datasets(self, name: str) -> None:
        """Log the raw files and the splits as inputs, with the hash that `dvc.lock` has for their folder.

        Args:
            name: The name of the experiment, with which the names of the splits begin.
        """
        folders = {RAW: {"raw": RAW}, PROCESSED: {name: PROCESSED / name for name in ("train", "val", "test")}}
        context = {"raw": "source", "train": "training", "val": "validation", "test": "test"}
        datasets = []
        for folder, parts in folders.items():
            if not folder.is_dir():
                continue
            digest = folder_digest(folder)
            for part, path in parts.items():
                shown = _names_in(RAW) if folder == RAW else f"{name}/{part}"
                source = LocalArtifactDatasetSource(path.as_posix())
                dataset = MetaDataset(source, name=shown, digest=digest).to_dict()
                datasets.append({"dataset": dataset, "context": context[part]})
            if folder == PROCESSED:
                self.tags({DATA: digest[:12]})
        self.queue("inputs", {"datasets": datasets})

    def log_scores(
        self, scores: Mapping[str, float], step: int = 0, timestamp: int | None = None, *, of_model: bool = False
    ) -> None:
        """Log scores by full name (`val/auc`), with `of_model` as scores of the network that the run logged, too.

        The store drops a point that it already has with the same timestamp; without a `timestamp`, the start time of
        the run is used.
        """
        when = timestamp or int(self._stored.info.start_time)
        self.queue("scores", {"scores": dict(scores), "step": step, "timestamp": when, "of_model": of_model})

    def log_epoch(self, scores: Mapping[str, float], epoch: int, timestamp: int) -> None:
        """Log the scores of an epoch with the time of its checkpoint, so that sending it twice gives one point.

        An epoch that is trained again (its checkpoint was corrupt) keeps the timestamp that the run has for it.
        """
        when = self._times.get(epoch, timestamp)
        self.log_scores({metric_name(name): value for name, value in scores.items()}, epoch, when)

    def log_files(self, folder: Path) -> None:
        """Log the hashes of the files of a folder, for comparison with a reproduction."""
        self.log_text(json.dumps(file_digests(folder), indent=2), files_of(folder))

    def log_text(self, text: str, name: str) -> None:
        """Log a text file, without what looks like a password or token."""
        self.queue("text", {"text": text, "name": name})

    def log_file(self, path: Path, name: str) -> None:
        """Log a file of results as it is, under a name, which may begin with a folder."""

        def fill(folder: Path) -> None:
            folder.mkdir()
            link_or_copy(path.as_posix(), (folder / Path(name).name).as_posix())

        self.queue("file", {"name": name}, fill)

    def log_page(self, page: str, name: str) -> None:
        """Log an HTML page as it is: the libraries inside contain what looks like a password, but is code."""

        def fill(folder: Path) -> None:
            folder.mkdir()
            (folder / Path(name).name).write_text(page, encoding="utf-8")

        self.queue("file", {"name": name}, fill)

    def log_figure(self, figure: Figure, name: str) -> None:
        """Log a figure as an image file."""

        def fill(folder: Path) -> None:
            folder.mkdir()
            figure.savefig(folder / Path(name).name)

        self.queue("file", {"name": name}, fill)

    def register(self, name: str, description: str, tags: Mapping[str, str]) -> None:
        """Make the network that the run logged a version of a registered model, once per run."""
        self.queue("version", {"name": name, "description": description, "tags": dict(tags)})

    def end(self, status: str) -> None:
        """Close the run with a status: `FINISHED`, `FAILED` or `KILLED`."""
        self.queue("end", {"status": status, "time": time.time_ns() // 1_000_000})


def files_of(folder: Path) -> str:
    """Return the name of the file in which `log_files` logs the hashes of a folder."""
    return f"files/{folder.name}.json"


def metric_name(score: str) -> str:
    """Return the metric name of a score of the history: `val/auc` for `val_auc`, `train/loss` for `loss`."""
    return f"val/{score[4:]}" if score.startswith("val_") else f"train/{score}"


def _names_in(folder: Path) -> str:
    """Return the names of the files in a folder, as many as MLflow allows in the name of a dataset."""
    names = ", ".join(sorted(path.name for path in folder.iterdir()))
    return names if len(names) <= LONGEST_DATASET_NAME else f"{names[: LONGEST_DATASET_NAME - 1]}…"


def _allowed(name: str) -> str:
    # MLflow allows letters, digits, `_ - . / :` and spaces in names; a file may be called "rows (1).csv".
    return re.sub(r"[^\w\-./: ]", "_", name)
