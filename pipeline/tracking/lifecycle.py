"""Choose the MLflow run that a stage writes to, and close it."""

import getpass
import json
import os
import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path
from types import MappingProxyType

from mlflow import MlflowClient
from mlflow.entities import Run as StoredRun
from mlflow.entities import RunStatus, RunTag
from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import RESOURCE_DOES_NOT_EXIST, ErrorCode

from pipeline.config import Config, InterruptedRunError
from pipeline.storage import is_alive, root, this_process
from pipeline.tracking.description import run_name, typed_command
from pipeline.tracking.errors import TrackingError
from pipeline.tracking.journal import LOST_SECONDS, journal
from pipeline.tracking.load import measured
from pipeline.tracking.outbox import outbox
from pipeline.tracking.redaction import redacted
from pipeline.tracking.run import Run, RunReference
from pipeline.tracking.store import BETWEEN_TRAININGS, all_experiments, answering, experiment_id, open_store, store_uri
from pipeline.tracking.tags import CLONE, EPOCHS, EVALUATED, FOLD, KEY, PARENT, PROCESS, RESTORED, SEEN

FINISHED, FAILED, KILLED, RUNNING = (
    RunStatus.to_string(status)
    for status in (RunStatus.FINISHED, RunStatus.FAILED, RunStatus.KILLED, RunStatus.RUNNING)
)
FIRST_SCORE = "train/loss"
"""The metric that every family logs for every epoch."""
ASKED_AGAIN_SECONDS = float(os.environ["MLFLOW_HTTP_REQUEST_TIMEOUT"])
FOLD_SCORE = "val_folds"
"""`val_folds/SCORE`: the monitored score of each fold's best epoch, by fold; logged in the parent run."""


@contextmanager
def training_run(config: Config, key: str, begun: Sequence[bool] = (True,)) -> Iterator[Run]:
    """Open the run of a training: the run of an interrupted training with the same key if there is one, or a new run.

    Args:
        config: The configuration of the experiment.
        key: The fingerprint of everything that the training depends on; with the number of epochs it identifies the
            run.
        begun: Whether there is a checkpoint: one value per fold, or one for a training without folds. A run with
            metrics of epochs that the checkpoints have not reached is not resumed.

    Raises:
        TrackingError: The store does not respond.
    """
    client = open_store(config.tracking.uri)
    tags = {KEY: key, EPOCHS: str(config.train.epochs), CLONE: _clone_id()}
    foreign = [
        *([] if all(begun) else [FIRST_SCORE]),
        *([] if any(begun) else [f"{FOLD_SCORE}/{name}" for name in config.family.monitors]),
    ]
    with answering(config.tracking.uri):
        for line in reap(client):
            print(line, flush=True)
        run = open_run(client, config, tags, _known(client, config, tags, foreign), run_name(config))
    with _ended(run), measured(run) if config.tracking.system_metrics else nullcontext():
        yield run


@contextmanager
def fold_run(parent: Run, config: Config, key: str, fold: int, *, begun: bool) -> Iterator[Run]:
    """Open the run of the training of one fold, a child of `parent`; for the other arguments see `training_run`."""
    client = open_store(config.tracking.uri, patience=BETWEEN_TRAININGS)
    place = {CLONE: _clone_id(), PARENT: parent.id, FOLD: str(fold)}
    tags = {KEY: f"{key}/{fold}", EPOCHS: str(config.train.epochs), **place}
    with answering(config.tracking.uri):
        known = _known(client, config, tags, [] if begun else [FIRST_SCORE])
        run = open_run(client, config, tags, known, f"fold {fold}")
    with _ended(run):
        yield run


def open_run(client: MlflowClient, config: Config, tags: dict[str, str], known: str | None, name: str) -> Run:
    """Open a known or a new run; from now on it counts as alive for as long as this process is.

    Args:
        client: The client of the store.
        config: The configuration, which names the experiment and the store.
        tags: The tags to set.
        known: The id of the run to open; None for a new run.
        name: The name of a new run.
    """
    uri = store_uri(config.tracking.uri)
    # MLflow's UI shows the `mlflow.` tags: user and source of a run.
    all_tags: dict[str, str] = {
        **redacted(tags),
        "mlflow.user": _user(),
        "mlflow.source.name": redacted(typed_command()),
        "mlflow.source.type": "LOCAL",
        PROCESS: json.dumps(this_process()),
        SEEN: str(int(time.time())),
    }
    if known is None:
        run = Run(uri, _created(client, experiment_id(client, config.name, config.tracking.uri), name, all_tags))
    else:
        # Set the owner before the status: another process may be looking for orphaned runs.
        client.log_batch(known, tags=[RunTag(name, value) for name, value in all_tags.items()])
        client.update_run(known, RUNNING)
        times = {point.step: point.timestamp for point in client.get_metric_history(known, FIRST_SCORE)}
        run = Run(uri, client.get_run(known), resumed=True, times=times)
    outbox().begin_beat(uri, run.id)
    return run


def _created(client: MlflowClient, experiment: str, name: str, tags: dict[str, str]) -> StoredRun:
    """Create one run, even if the server was so slow that MLflow repeated the request."""
    started = time.monotonic()
    created = client.create_run(experiment, run_name=name, tags=tags)
    if time.monotonic() - started > ASKED_AGAIN_SECONDS:
        same = f"attributes.start_time = {created.info.start_time} and tags.`{PROCESS}` = '{tags[PROCESS]}'"
        for duplicate in client.search_runs([experiment], same):
            if duplicate.info.run_id != created.info.run_id:
                client.delete_run(duplicate.info.run_id)
    return created


def close_run(run: Run, status: str) -> None:
    """Close a run with a status: `FINISHED`, `FAILED` or `KILLED`."""
    outbox().end_beat(run.id)
    run.end(status)


def flush() -> None:
    """Wait until all tracking events are delivered; print how many are still queued, and what will send them."""
    if queued := outbox().flush():
        print(
            f"{queued} tracking events are queued in {journal()} ({outbox().trouble or 'the tracking store is slow'}); "
            "the next run sends them, or send them now with `python -m pipeline.runs sync`",
            flush=True,
        )


def reap(client: MlflowClient) -> list[str]:
    """Mark runs as KILLED if their process has ended; return one line per run.

    The run of a process that is not visible from here (on another host) counts as orphaned after a long silence. Runs
    of other programs are left alone.
    """
    lines = []
    for run in lost_runs(client):
        client.set_terminated(run.info.run_id, KILLED)
        lines.append(f"run {run.info.run_id} is closed as KILLED: its process has ended")
    return lines


def lost_runs(client: MlflowClient) -> list[StoredRun]:
    """Return the runs of all experiments whose status is RUNNING although their process has ended."""
    experiments = [experiment.experiment_id for experiment in all_experiments(client)]
    running = client.search_runs(experiments, "attributes.status = 'RUNNING'", max_results=1000) if experiments else []
    return [run for run in running if is_lost(run)]


def is_lost(run: StoredRun) -> bool:
    """Return whether the process of a running run has ended."""
    tags = run.data.tags
    if PROCESS not in tags:
        return False
    seen = float(tags.get(SEEN, run.info.start_time / 1000))
    return not is_alive(json.loads(tags[PROCESS]), seen, LOST_SECONDS)


def _known(client: MlflowClient, config: Config, tags: dict[str, str], foreign: Sequence[str]) -> str | None:
    """Return the id of the run that has all `tags` and none of the metrics in `foreign`; None if there is none."""
    run_id = find_run(client, config.name, tags)
    if run_id is None:
        return None
    if any(client.get_metric_history(run_id, name) for name in foreign):
        if client.get_run(run_id).info.status == RUNNING:
            client.set_terminated(run_id, KILLED)
        return None
    return run_id


def _clone_id() -> str:
    """Return an identifier of this clone's checkpoints, so that clones that share a store resume only their own runs.

    A copy of the clone and its checkpoints has another identifier; a clone that was moved keeps its own.
    """
    path = root() / ".checkpoints" / "place"
    with suppress(FileExistsError), path.open("x", encoding="ascii") as stream:
        stream.write(uuid.uuid4().hex)
        stream.flush()
        os.fsync(stream.fileno())  # without this file the clone would not find its own runs after a power cut
    return f"{path.read_text(encoding='ascii')}-{path.stat().st_ino}"


@contextmanager
def evaluation_run(config: Config, digest: str) -> Iterator[tuple[Run, bool]]:
    """Open the run that an evaluation belongs to.

    This is the run of the training. If that was already evaluated with other settings or code, it is a child of that
    run; if it is not in this store (the network was restored from a cache), it is a new run. Both are tagged
    `restored_from`.

    Args:
        config: The configuration of the experiment.
        digest: The hash of everything that the evaluation depends on.

    Yields:
        The run, and whether it is another run than that of the training and thus lacks its record.
    """
    reference = RunReference.load()
    client = open_store(config.tracking.uri, patience=BETWEEN_TRAININGS)
    with answering(config.tracking.uri):
        origin = _stored(client, reference.run_id)
        run_id: str | None = reference.run_id
        tags = {EVALUATED: digest}
        if origin is None or origin.data.tags.get(EVALUATED, digest) != digest:
            if origin and origin.info.status != FINISHED and (origin.info.status != RUNNING or is_lost(origin)):
                # An evaluation with other settings was interrupted. The training is finished: a run is referred to only
                # when its training has ended.
                client.set_terminated(reference.run_id, FINISHED, origin.info.end_time)
            tags |= {RESTORED: reference.run_id} | ({} if origin is None else {PARENT: reference.run_id})
            run_id = find_run(client, config.name, tags)
        run = open_run(client, config, tags, run_id, f"{run_name(config)}, evaluated again")
    with _ended(run):
        yield run, run.id != reference.run_id


def reference_to(run: Run, config: Config) -> RunReference:
    """Return the reference by which later stages find the run."""
    return RunReference(run.id, store_uri(config.tracking.uri))


def log_to_training(config: Config, texts: Mapping[str, str], files: Mapping[Path, str] = MappingProxyType({})) -> str:
    """Log to the run of the network in `models/`, which may have ended; return the id of the run.

    Args:
        config: The configuration of the experiment.
        texts: Text files by name.
        files: Files to log as they are, each with its name in the record.

    Raises:
        TrackingError: The run is not in this store (the network was restored from a cache), or the store does not
            respond.
    """
    reference = RunReference.load()
    client = open_store(config.tracking.uri)
    with answering(config.tracking.uri):
        stored = _stored(client, reference.run_id)
        if stored is None:
            raise TrackingError(
                f"run {reference.run_id}, which trained models/, is not in this store; set tracking.uri to its store"
            )
        run = Run(store_uri(config.tracking.uri), stored, resumed=True)
    for name, text in texts.items():
        run.log_text(text, name)
    for path, name in files.items():
        run.log_file(path, name)
    flush()
    return reference.run_id


@contextmanager
def _ended(run: Run) -> Iterator[None]:
    """Close a run with the status that matches the outcome of the block."""
    status = FAILED
    try:
        yield
        status = FINISHED
    except (KeyboardInterrupt, SystemExit, InterruptedRunError):
        status = KILLED
        raise
    finally:
        close_run(run, status)
        flush()


def _user() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # the user id has no name, as in some containers
        return str(os.getuid())


def find_run(client: MlflowClient, experiment: str, tags: dict[str, str]) -> str | None:
    """Return the id of the latest run of an experiment that has all tags; None if there is none."""
    stored = client.get_experiment_by_name(experiment)
    if stored is None or stored.lifecycle_stage == "deleted":
        return None
    condition = " and ".join(f"tags.`{name}` = '{value}'" for name, value in tags.items())
    runs = client.search_runs([stored.experiment_id], condition, order_by=["attributes.start_time DESC"], max_results=1)
    return str(runs[0].info.run_id) if runs else None


def _stored(client: MlflowClient, run_id: str) -> StoredRun | None:
    try:
        run = client.get_run(run_id)
    except MlflowException as error:
        if error.error_code == ErrorCode.Name(RESOURCE_DOES_NOT_EXIST):
            return None
        raise
    return None if run.info.lifecycle_stage == "deleted" else run
