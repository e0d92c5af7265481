"""One experiment run is one MLflow run, whichever stages it spans and however often it was interrupted."""

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
from pipeline.storage import PROCESSED, RAW, REPORTS, file_digests, folder_digest, write_json
from pipeline.tracking.outbox import outbox
from pipeline.tracking.provenance import commit, environment, machine
from pipeline.tracking.store import TrackingError

RUN_FILE = REPORTS / "run.json"
CONFIG, DIFF, ENVIRONMENT = "config.yaml", "uncommitted.diff", "environment.txt"
"""Files of a run's record that it takes to make it again."""
EVALUATED_WITH = "evaluation.json"
"""The settings of the evaluation whose scores it holds."""


@dataclass(frozen=True)
class RunReference:
    """What `reports/run.json` carries from the train stage to later ones."""

    run_id: str
    tracking_uri: str

    def save(self) -> None:
        """Write `reports/run.json`."""
        write_json(RUN_FILE, {"run_id": self.run_id, "tracking_uri": self.tracking_uri})

    @classmethod
    def load(cls) -> Self:
        """Read `reports/run.json`.

        Raises:
            TrackingError: There is none, or it is damaged.
        """
        try:
            return cls(**json.loads(RUN_FILE.read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError) as error:
            raise TrackingError(f"{RUN_FILE}: cannot be read ({error}); `dvc repro train` writes it") from error


class Run:
    """An open MLflow run. What it is told goes to the store in the order told, sooner or later; twice changes nothing.

    Args:
        uri: Of the store.
        stored: The run as it was when it was opened.
        resumed: Whether an earlier process opened it first.
        times: Of the epochs that it has.
    """

    def __init__(
        self, uri: str, stored: StoredRun, *, resumed: bool = False, times: Mapping[int, int] | None = None
    ) -> None:
        self._uri, self._stored, self._times = uri, stored, times or {}
        self.id: str = stored.info.run_id
        self.resumed = resumed

    def next_step(self, prefix: str) -> int:
        """Return the step after the last one of metrics whose names begin so; of those that it had when opened."""
        known = (metric.step for metric in self._stored.data._metric_objs if metric.key.startswith(prefix))
        return 1 + max(known, default=-1)

    def queue(self, kind: str, content: Mapping[str, Any], fill: Callable[[Path], None] | None = None) -> None:
        """Put an entry into the outbox; see `delivery.DELIVER`."""
        outbox().put(self._uri, self.id, kind, content, fill)

    def tag(self, name: str, value: str) -> None:
        """Set a tag."""
        self.queue("tags", {"tags": {name: value}})

    def log_config(self, config: Config) -> None:
        """Log every setting flat, and the whole composition as a file; a run that holds them keeps its own."""
        params = {_allowed(name): str(value) for name, value in flatten(config.tree)}
        missing = {name: value for name, value in params.items() if name not in self._stored.data.params}
        if missing:
            # The file first: a run that has its params is taken to have it.
            self.log_text(dump(config), CONFIG)
            self.queue("params", {"params": missing})

    def log_provenance(self) -> None:
        """Log commit, uncommitted changes, machine and installed packages."""
        state = commit()
        tags = {f"onehot.{name}": value for name, value in machine().items()}
        if state is not None:
            tags |= {"mlflow.source.git.commit": state.commit, "onehot.dirty": str(state.dirty).lower()}
            if state.diff:
                self.log_text(state.diff, DIFF)
        self.queue("tags", {"tags": tags})
        self.log_text(environment(), ENVIRONMENT)

    def log_datasets(self) -> None:
        """Log raw files and splits as inputs, with the hash under which `dvc.lock` knows their folder."""
        folders = {RAW: {"raw": RAW}, PROCESSED: {name: PROCESSED / name for name in ("train", "val", "test")}}
        context = {"raw": "source", "train": "training", "val": "validation", "test": "test"}
        datasets = []
        for folder, parts in folders.items():
            if not folder.is_dir():
                continue
            digest = folder_digest(folder)
            for part, place in parts.items():
                name = folder.name if place == folder else f"{folder.name}/{part}"
                source = LocalArtifactDatasetSource(place.as_posix())
                dataset = MetaDataset(source, name=name, digest=digest).to_dict()
                datasets.append({"dataset": dataset, "context": context[part]})
        self.queue("inputs", {"datasets": datasets})

    def log_scores(self, scores: Mapping[str, float], step: int = 0, timestamp: int | None = None) -> None:
        """Log scores by full name (`val/auc`).

        The store drops a point that it has, time included: one without a time of its own gets that of the run's start.
        """
        when = timestamp or int(self._stored.info.start_time)
        self.queue("scores", {"scores": dict(scores), "step": step, "timestamp": when})

    def log_epoch(self, scores: Mapping[str, float], epoch: int, timestamp: int) -> None:
        """Log the scores of an epoch at the time of its checkpoint: sent twice, it is the same point.

        Trained twice too (its checkpoint was damaged): it keeps the time under which the run has it.
        """
        when = self._times.get(epoch, timestamp)
        self.log_scores({metric_name(name): value for name, value in scores.items()}, epoch, when)

    def log_files(self, folder: Path) -> None:
        """Log what the files of a folder are, hashed: what a repetition is compared with."""
        self.log_text(json.dumps(file_digests(folder), indent=2), files_of(folder))

    def log_text(self, text: str, name: str) -> None:
        """Log a text file."""
        self.queue("text", {"text": text, "name": name})

    def log_figure(self, figure: Figure, name: str) -> None:
        """Log a picture."""

        def fill(folder: Path) -> None:
            folder.mkdir()
            figure.savefig(folder / Path(name).name)

        self.queue("picture", {"name": name}, fill)

    def end(self, status: str) -> None:
        """Close it: `FINISHED`, `FAILED` or `KILLED`."""
        self.queue("end", {"status": status, "time": time.time_ns() // 1_000_000})


def files_of(folder: Path) -> str:
    """Return where `log_files` notes a folder down."""
    return f"files/{folder.name}.json"


def metric_name(score: str) -> str:
    """Return `val/auc` for `val_auc`, `train/loss` for `loss`: names in the record, of scores in the history."""
    return f"val/{score[4:]}" if score.startswith("val_") else f"train/{score}"


def _allowed(name: str) -> str:
    # MLflow's names take letters, digits, `_ - . / :` and spaces; a file may be called "rows (1).csv".
    return re.sub(r"[^\w\-./: ]", "_", name)
