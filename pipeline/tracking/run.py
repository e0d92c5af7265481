"""One experiment run is one MLflow run, whichever stages it spans and however often it was interrupted."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

import mlflow
from matplotlib.figure import Figure
from mlflow import MlflowClient
from mlflow.data.meta_dataset import MetaDataset
from mlflow.data.sources import LocalArtifactDatasetSource
from mlflow.entities import LoggedModel, LoggedModelStatus, Metric, Param
from mlflow.exceptions import MlflowException

from pipeline.config import Config, dump, flatten
from pipeline.storage import PROCESSED, REPORTS, folder_digest, write_json
from pipeline.tracking.provenance import commit, environment, machine
from pipeline.tracking.store import TrackingError

RUN_FILE = REPORTS / "run.json"
BATCH = 100
"""Params or metrics in one request: the tracking server takes no more."""


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
    """An active MLflow run. Writing twice what is there already changes nothing."""

    def __init__(self, client: MlflowClient, run_id: str, *, resumed: bool) -> None:
        self._client = client
        self.id = run_id
        self.resumed = resumed

    @property
    def tags(self) -> dict[str, str]:
        """Tags as they stand in the store."""
        return dict(self._client.get_run(self.id).data.tags)

    def tag(self, name: str, value: str) -> None:
        """Set a tag."""
        self._client.set_tag(self.id, name, value)

    def log_config(self, config: Config) -> None:
        """Log every setting flat, and the whole composition as a file; a run that holds them keeps its own."""
        known = self._client.get_run(self.id).data.params
        params = [Param(_allowed(name), str(value)) for name, value in flatten(config.tree)]
        missing = [param for param in params if param.key not in known]
        for start in range(0, len(missing), BATCH):
            self._client.log_batch(self.id, params=missing[start : start + BATCH])
        if missing:
            self.log_text(dump(config), "config.yaml")

    def log_provenance(self) -> None:
        """Log commit, uncommitted changes, machine and installed packages."""
        state = commit()
        if state is not None:
            self.tag("mlflow.source.git.commit", state.commit)
            self.tag("onehot.dirty", str(state.dirty).lower())
            if state.dirty:
                self.log_text(state.diff, "uncommitted.diff")
        for name, value in machine().items():
            self.tag(f"onehot.{name}", value)
        self.log_text(environment(), "environment.txt")

    def log_datasets(self) -> None:
        """Log the splits as inputs, with the hash under which `dvc.lock` knows their folder."""
        digest = folder_digest(PROCESSED)
        for split, context in (("train", "training"), ("val", "validation"), ("test", "test")):
            source = LocalArtifactDatasetSource((PROCESSED / split).as_posix())
            mlflow.log_input(MetaDataset(source, name=f"{PROCESSED.name}/{split}", digest=digest), context=context)

    def log_scores(self, scores: Mapping[str, float], step: int = 0, timestamp: int | None = None) -> None:
        """Log scores by full name (`val/auc`).

        The store drops a point that it has, time included: one without a time of its own gets that of the run's start.

        Raises:
            TrackingError: The store does not answer.
        """
        when = timestamp or int(self._client.get_run(self.id).info.start_time)
        metrics = [Metric(name, value, when, step) for name, value in scores.items()]
        try:
            for start in range(0, len(metrics), BATCH):
                self._client.log_batch(self.id, metrics=metrics[start : start + BATCH])
        except MlflowException as error:
            raise TrackingError(f"the tracking server took no scores: {error}") from error

    def log_epoch(self, scores: Mapping[str, float], epoch: int, timestamp: int) -> None:
        """Log the scores of an epoch at the time of its checkpoint: sent twice, it is the same point.

        Raises:
            TrackingError: The store does not answer.
        """
        self.log_scores({metric_name(name): value for name, value in scores.items()}, epoch, timestamp)

    def log_text(self, text: str, name: str) -> None:
        """Log a text file."""
        self._client.log_text(self.id, text, name)

    def log_figure(self, figure: Figure, name: str) -> None:
        """Log a picture."""
        self._client.log_figure(self.id, figure, name)

    def has_model(self) -> bool:
        """Say whether a network was logged, whole."""
        return any(model.status == LoggedModelStatus.READY for model in logged_models(self._client, self.id))


def metric_name(score: str) -> str:
    """Return `val/auc` for `val_auc`, `train/loss` for `loss`: names in the record, of scores in the history."""
    return f"val/{score[4:]}" if score.startswith("val_") else f"train/{score}"


def logged_models(client: MlflowClient, run_id: str) -> list[LoggedModel]:
    """Return the networks that a run logged, half-written ones included."""
    experiment = client.get_run(run_id).info.experiment_id
    return list(client.search_logged_models([experiment], f"source_run_id = '{run_id}'"))


def _allowed(name: str) -> str:
    # MLflow's names take letters, digits, `_ - . / :` and spaces; a file may be called "rows (1).csv".
    return re.sub(r"[^\w\-./: ]", "_", name)
