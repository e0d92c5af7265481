"""Which MLflow run a stage writes into, and how that run ends."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import mlflow
from mlflow import MlflowClient
from mlflow.entities import RunStatus
from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import RESOURCE_DOES_NOT_EXIST, ErrorCode

from pipeline.config import Config, InterruptedRunError
from pipeline.tracking.run import Run, RunReference
from pipeline.tracking.store import TrackingError, experiment_id, open_store, store_uri

KEY, EPOCHS = "onehot.key", "onehot.epochs"
EVALUATED, RESTORED = "onehot.evaluated", "restored_from"
PARENT = "mlflow.parentRunId"
FOLD = "onehot.fold"
FIRST_SCORE = "train/loss"
"""Logged with every epoch, by every family."""
FOLD_SCORE = "folds/val"
"""The monitor of each fold's best epoch, by fold: in the run of the whole."""


@contextmanager
def training_run(config: Config, key: str, begun: Sequence[bool] = (True,)) -> Iterator[Run]:
    """Open the run of a training: the one that an interrupted training of the same key left, else a new one.

    Args:
        config: Of the experiment.
        key: What the training hangs on; with the number of epochs it names the run.
        begun: Of each of its folds, or of itself, whether there is a checkpoint. A run that holds what this training
            has not reached is not its own.
    """
    client = open_store(config.tracking.uri)
    tags = {KEY: key, EPOCHS: str(config.train.epochs)}
    foreign = [*([] if all(begun) else [FIRST_SCORE]), *([] if any(begun) else [FOLD_SCORE])]
    found = _known(client, config, tags, foreign)
    with _active(client, config, found, tags, system_metrics=config.tracking.system_metrics) as run:
        yield run


@contextmanager
def fold_run(parent: Run, config: Config, key: str, fold: int, *, begun: bool) -> Iterator[Run]:
    """Open the run of one fold's training, a child of the whole one's; the arguments are those of `training_run`.

    It is none that MLflow's own functions write into: that stays the parent.
    """
    client = open_store(config.tracking.uri)
    tags = {KEY: f"{key}/{fold}", EPOCHS: str(config.train.epochs), PARENT: parent.id, FOLD: str(fold)}
    found = _known(client, config, tags, [] if begun else [FIRST_SCORE])
    if found is None:
        experiment = client.get_run(parent.id).info.experiment_id
        made = client.create_run(experiment, run_name=f"fold {fold}", tags=tags)
    else:
        client.update_run(found, RunStatus.to_string(RunStatus.RUNNING))
    run = Run(client, found or made.info.run_id, resumed=found is not None)
    with _ended_by(lambda status: client.set_terminated(run.id, status)):
        yield run


def _known(client: MlflowClient, config: Config, tags: dict[str, str], foreign: Sequence[str]) -> str | None:
    """Return the run that has the tags, and none of the metrics that it must not have."""
    found = find_run(client, config.name, tags)
    if found and any(client.get_metric_history(found, name) for name in foreign):
        if client.get_run(found).info.status == RunStatus.to_string(RunStatus.RUNNING):
            client.set_terminated(found, RunStatus.to_string(RunStatus.KILLED))
        return None
    return found


@contextmanager
def evaluation_run(config: Config, digest: str) -> Iterator[tuple[Run, bool]]:
    """Open the run that an evaluation belongs to.

    The training's own, once. Where that was evaluated under other settings or code, a child of it; where it is not in
    this store (restored from a cache elsewhere), a new run. Both are tagged `restored_from`.

    Args:
        config: Of the experiment.
        digest: What the evaluation hangs on.

    Yields:
        The run, and whether it lacks the training's part of the record.
    """
    client = open_store(config.tracking.uri)
    reference = RunReference.load()
    origin = _tags(client, reference.run_id)
    run_id: str | None = reference.run_id
    tags = {EVALUATED: digest}
    if origin is None or origin.get(EVALUATED, digest) != digest:
        tags |= {RESTORED: reference.run_id} | ({} if origin is None else {PARENT: reference.run_id})
        run_id = find_run(client, config.name, tags)
    with _active(client, config, run_id, tags, system_metrics=False) as run:
        yield run, run.id != reference.run_id


def reference_to(run: Run, config: Config) -> RunReference:
    """Return what later stages need to find the run again."""
    return RunReference(run.id, store_uri(config.tracking.uri))


def log_to_training(config: Config, text: str, name: str) -> str:
    """Log a text file into the run of the network in `models/`, which may have ended; return the run's id.

    Raises:
        TrackingError: The run is not in this store (restored from a cache elsewhere), or the store does not answer.
    """
    reference = RunReference.load()
    try:
        client = open_store(config.tracking.uri)
        if _tags(client, reference.run_id) is None:
            raise TrackingError(f"run {reference.run_id} of the training is not in this store")
        client.log_text(reference.run_id, text, name)
    except (MlflowException, OSError) as error:
        raise TrackingError(f"the tracking store took no {name}: {error}") from error
    return reference.run_id


@contextmanager
def _active(
    client: MlflowClient, config: Config, run_id: str | None, tags: dict[str, str], *, system_metrics: bool
) -> Iterator[Run]:
    experiment = None if run_id else experiment_id(client, config.name, config.tracking.uri)
    active = mlflow.start_run(
        run_id=run_id, experiment_id=experiment, run_name=None, tags=tags, log_system_metrics=system_metrics
    )
    with _ended_by(mlflow.end_run):
        run = Run(client, active.info.run_id, resumed=run_id is not None)
        for name, value in tags.items():
            run.tag(name, value)
        yield run


@contextmanager
def _ended_by(end: Callable[[str], object]) -> Iterator[None]:
    """Tell how what is done within has ended."""
    status = RunStatus.FAILED
    try:
        yield
        status = RunStatus.FINISHED
    except (KeyboardInterrupt, SystemExit, InterruptedRunError):
        status = RunStatus.KILLED
        raise
    finally:
        end(RunStatus.to_string(status))


def find_run(client: MlflowClient, experiment: str, tags: dict[str, str]) -> str | None:
    """Return the latest run of an experiment that has all of the tags."""
    found = client.get_experiment_by_name(experiment)
    if found is None or found.lifecycle_stage == "deleted":
        return None
    wanted = " and ".join(f"tags.`{name}` = '{value}'" for name, value in tags.items())
    runs = client.search_runs([found.experiment_id], wanted, order_by=["attributes.start_time DESC"], max_results=1)
    return str(runs[0].info.run_id) if runs else None


def _tags(client: MlflowClient, run_id: str) -> dict[str, str] | None:
    try:
        run = client.get_run(run_id)
    except MlflowException as error:
        if error.error_code == ErrorCode.Name(RESOURCE_DOES_NOT_EXIST):
            return None
        raise
    return None if run.info.lifecycle_stage == "deleted" else dict(run.data.tags)
