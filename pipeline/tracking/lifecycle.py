"""Which MLflow run a stage writes into, and how that run ends."""

import getpass
import json
import os
import sys
import time
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path

from mlflow import MlflowClient
from mlflow.entities import Run as StoredRun
from mlflow.entities import RunStatus, RunTag
from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import RESOURCE_DOES_NOT_EXIST, ErrorCode

from pipeline.config import Config, InterruptedRunError
from pipeline.storage import is_alive, root, this_process
from pipeline.tracking.delivery import PROCESS, SEEN
from pipeline.tracking.journal import LOST_SECONDS, journal
from pipeline.tracking.load import measured
from pipeline.tracking.outbox import outbox
from pipeline.tracking.redaction import redacted
from pipeline.tracking.run import Run, RunReference
from pipeline.tracking.store import (
    BETWEEN_TRAININGS,
    TrackingError,
    all_experiments,
    answering,
    experiment_id,
    open_store,
    store_uri,
)

KEY, EPOCHS = "onehot.key", "onehot.epochs"
EVALUATED, RESTORED = "onehot.evaluated", "onehot.restored_from"
PARENT = "mlflow.parentRunId"
PLACE = "onehot.clone"
"""Whose checkpoints a run goes with."""
HEADLINE = "onehot.headline"
"""Name of the score that tells how good a network is."""
FINISHED, FAILED, KILLED, RUNNING = (
    RunStatus.to_string(each) for each in (RunStatus.FINISHED, RunStatus.FAILED, RunStatus.KILLED, RunStatus.RUNNING)
)
FOLD = "onehot.fold"
FIRST_SCORE = "train/loss"
"""Logged with every epoch, by every family."""
ASKED_AGAIN_SECONDS = float(os.environ["MLFLOW_HTTP_REQUEST_TIMEOUT"])
FOLD_SCORE = "fold_val"
"""`fold_val/SCORE`: the monitored score of each fold's best epoch, by fold; in the run of the whole."""


@contextmanager
def training_run(config: Config, key: str, begun: Sequence[bool] = (True,)) -> Iterator[Run]:
    """Open the run of a training: the one that an interrupted training of the same key left, else a new one.

    Args:
        config: Of the experiment.
        key: What the training hangs on; with the number of epochs it names the run.
        begun: Of each of its folds, or of itself, whether there is a checkpoint. A run that holds what this training
            has not reached is not its own.

    Raises:
        TrackingError: The store does not answer.
    """
    client = open_store(config.tracking.uri)
    tags = {KEY: key, EPOCHS: str(config.train.epochs), PLACE: _place()}
    foreign = [
        *([] if all(begun) else [FIRST_SCORE]),
        *([] if any(begun) else [f"{FOLD_SCORE}/{name}" for name in config.family.monitors]),
    ]
    with answering(config.tracking.uri):
        for line in reap(client):
            print(line, flush=True)
        run = open_run(client, config, tags, known=_known(client, config, tags, foreign))
    with _ended(run), measured(run) if config.tracking.system_metrics else nullcontext():
        yield run


@contextmanager
def fold_run(parent: Run, config: Config, key: str, fold: int, *, begun: bool) -> Iterator[Run]:
    """Open the run of one fold's training, a child of the whole one's; the arguments are those of `training_run`."""
    client = open_store(config.tracking.uri, patience=BETWEEN_TRAININGS)
    place = {PLACE: _place(), PARENT: parent.id, FOLD: str(fold)}
    tags = {KEY: f"{key}/{fold}", EPOCHS: str(config.train.epochs), **place}
    with answering(config.tracking.uri):
        known = _known(client, config, tags, [] if begun else [FIRST_SCORE])
        run = open_run(client, config, tags, known=known, name=f"fold {fold}")
    with _ended(run):
        yield run


def open_run(
    client: MlflowClient, config: Config, tags: dict[str, str], known: str | None, name: str | None = None
) -> Run:
    """Open a run that is known by its id, or a new one; it counts as alive from now on, as long as this process does.

    Args:
        client: Of the store.
        config: Names experiment and store.
        tags: To set.
        known: The id.
        name: Of a new one; None for one that the store draws.
    """
    uri = store_uri(config.tracking.uri)
    # The tags by which a store's own pages say who did what.
    told: dict[str, str] = {
        **redacted(tags),
        "mlflow.user": _user(),
        "mlflow.source.name": Path(sys.argv[0]).stem,
        "mlflow.source.type": "LOCAL",
        PROCESS: json.dumps(this_process()),
        SEEN: str(int(time.time())),
    }
    if known is None:
        run = Run(uri, _made(client, experiment_id(client, config.name, config.tracking.uri), name, told))
    else:
        # Whose it is before that it runs: another process may look for dead runs this moment.
        client.log_batch(known, tags=[RunTag(name, value) for name, value in told.items()])
        client.update_run(known, RUNNING)
        times = {point.step: point.timestamp for point in client.get_metric_history(known, FIRST_SCORE)}
        run = Run(uri, client.get_run(known), resumed=True, times=times)
    outbox().begin_beat(uri, run.id)
    return run


def _made(client: MlflowClient, experiment: str, name: str | None, tags: dict[str, str]) -> StoredRun:
    """Make a run; one, also where the server was so slow that MLflow asked it again."""
    began = time.monotonic()
    made = client.create_run(experiment, run_name=name, tags=tags)
    if time.monotonic() - began > ASKED_AGAIN_SECONDS:
        same = f"attributes.start_time = {made.info.start_time} and tags.`{PROCESS}` = '{tags[PROCESS]}'"
        for twin in client.search_runs([experiment], same):
            if twin.info.run_id != made.info.run_id:
                client.delete_run(twin.info.run_id)
    return made


def close_run(run: Run, status: str) -> None:
    """Close a run: `FINISHED`, `FAILED` or `KILLED`."""
    outbox().end_beat(run.id)
    run.end(status)


def flush() -> None:
    """Wait until the store has all that it was told; say what it has not, and who will send it."""
    if waiting := outbox().flush():
        print(
            f"{waiting} entries of the record wait in {journal()} ({outbox().trouble or 'the store is slow'}); the "
            "next start sends them, as does `python -m pipeline.runs sync`",
            flush=True,
        )


def reap(client: MlflowClient) -> list[str]:
    """Close runs as killed whose process has ended; return a line for each.

    Runs of processes that cannot be seen from here (other hosts) count as dead when they have been silent for long;
    what other programs have left running is nobody's business.
    """
    told = []
    for run in lost_runs(client):
        client.set_terminated(run.info.run_id, KILLED)
        told.append(f"run {run.info.run_id} is closed as killed: its process has ended")
    return told


def lost_runs(client: MlflowClient) -> list[StoredRun]:
    """Return the runs that the store takes for running, and whose process has ended; of all experiments."""
    experiments = [each.experiment_id for each in all_experiments(client)]
    running = client.search_runs(experiments, "attributes.status = 'RUNNING'", max_results=1000) if experiments else []
    return [run for run in running if is_lost(run)]


def is_lost(run: StoredRun) -> bool:
    """Tell whether a run that should be running has lost its process."""
    tags = run.data.tags
    if PROCESS not in tags:
        return False
    seen = float(tags.get(SEEN, run.info.start_time / 1000))
    return not is_alive(json.loads(tags[PROCESS]), seen, LOST_SECONDS)


def _known(client: MlflowClient, config: Config, tags: dict[str, str], foreign: Sequence[str]) -> str | None:
    """Return the run that has the tags, and none of the metrics that it must not have."""
    found = find_run(client, config.name, tags)
    if found is None:
        return None
    if any(client.get_metric_history(found, name) for name in foreign):
        if client.get_run(found).info.status == RUNNING:
            client.set_terminated(found, KILLED)
        return None
    return found


def _place() -> str:
    """Return what names the checkpoints of this clone: where clones share a store, each goes on with its own runs.

    Of a copy of the clone, checkpoints included, it is another; of a clone that was moved it is the same.
    """
    path = root() / ".checkpoints" / "place"
    with suppress(FileExistsError), path.open("x", encoding="ascii") as stream:
        stream.write(uuid.uuid4().hex)
        stream.flush()
        os.fsync(stream.fileno())  # lost in a power cut, the runs of this clone would be strangers to it
    return f"{path.read_text(encoding='ascii')}-{path.stat().st_ino}"


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
    reference = RunReference.load()
    client = open_store(config.tracking.uri, patience=BETWEEN_TRAININGS)
    with answering(config.tracking.uri):
        origin = _stored(client, reference.run_id)
        run_id: str | None = reference.run_id
        tags = {EVALUATED: digest}
        if origin is None or origin.data.tags.get(EVALUATED, digest) != digest:
            if origin and origin.info.status != FINISHED and (origin.info.status != RUNNING or is_lost(origin)):
                # What broke off was an evaluation under other settings: a training is referred to when it has ended.
                client.set_terminated(reference.run_id, FINISHED, origin.info.end_time)
            tags |= {RESTORED: reference.run_id} | ({} if origin is None else {PARENT: reference.run_id})
            run_id = find_run(client, config.name, tags)
        run = open_run(client, config, tags, known=run_id)
    with _ended(run):
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
    client = open_store(config.tracking.uri)
    with answering(config.tracking.uri):
        stored = _stored(client, reference.run_id)
        if stored is None:
            raise TrackingError(f"run {reference.run_id} of the training is not in this store")
        run = Run(store_uri(config.tracking.uri), stored, resumed=True)
    run.log_text(text, name)
    flush()
    return reference.run_id


@contextmanager
def _ended(run: Run) -> Iterator[None]:
    """Close a run with how what is done within has ended."""
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
    except (OSError, KeyError):  # a number without a name, as in some containers
        return str(os.getuid())


def find_run(client: MlflowClient, experiment: str, tags: dict[str, str]) -> str | None:
    """Return the latest run of an experiment that has all of the tags."""
    found = client.get_experiment_by_name(experiment)
    if found is None or found.lifecycle_stage == "deleted":
        return None
    wanted = " and ".join(f"tags.`{name}` = '{value}'" for name, value in tags.items())
    runs = client.search_runs([found.experiment_id], wanted, order_by=["attributes.start_time DESC"], max_results=1)
    return str(runs[0].info.run_id) if runs else None


def _stored(client: MlflowClient, run_id: str) -> StoredRun | None:
    try:
        run = client.get_run(run_id)
    except MlflowException as error:
        if error.error_code == ErrorCode.Name(RESOURCE_DOES_NOT_EXIST):
            return None
        raise
    return None if run.info.lifecycle_stage == "deleted" else run
