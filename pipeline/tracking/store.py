"""The MLflow store: its default place is the root of the clone; its tables are created once."""

import errno
import logging
import os
import sys
import tempfile
import time
import uuid
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TypeVar

from pipeline.storage import (
    FolderLock,
    LockError,
    digest,
    is_damaged,
    private_file,
    private_folder,
    root,
    sync_file,
)
from pipeline.tracking.redaction import redacted

# MLflow warns about its own choices (file stores, Python's filters) at every start.
warnings.filterwarnings("ignore", category=FutureWarning, module="mlflow")
logging.getLogger("alembic").setLevel(logging.WARNING)
os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
os.environ.setdefault("MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT", "true")
# By default, MLflow waits over two minutes per call for a server that is down.
os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "2")
os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "10")

import mlflow  # noqa: E402
from mlflow import MlflowClient  # noqa: E402
from mlflow.entities import Experiment, ViewType  # noqa: E402
from mlflow.exceptions import MlflowException  # noqa: E402
from mlflow.protos.databricks_pb2 import RESOURCE_ALREADY_EXISTS, ErrorCode  # noqa: E402
from mlflow.store.entities import PagedList  # noqa: E402
from sqlalchemy.exc import SQLAlchemyError  # noqa: E402

from pipeline.tracking.errors import TrackingError  # noqa: E402
from pipeline.tracking.journal import sync  # noqa: E402

logging.getLogger("mlflow").setLevel(logging.WARNING)
# This logger prints a traceback for every failure; here failures are handled and reported in one line.
logging.getLogger("mlflow.store.db.utils").setLevel(logging.CRITICAL)

_T = TypeVar("_T")

ARTIFACTS = "mlartifacts"
"""The folder at the root for the files of the runs of the default store."""


def store_uri(uri: str | None) -> str:
    """Return the given URI, or that of the SQLite store at the root if it is None."""
    return uri.rstrip("/") if uri else f"sqlite:///{root() / 'mlflow.db'}"


BETWEEN_TRAININGS = 600.0
"""Seconds to wait for a store that was available at the start: giving up would stop a training that has progressed."""


def open_store(uri: str | None, patience: float = 0.0) -> MlflowClient:
    """Connect to a store and deliver the events of ended processes; a new SQLite store gets its tables under a lock.

    Args:
        uri: The address of the store; None for the store at the root.
        patience: The number of seconds to retry while the store does not respond.

    Raises:
        TrackingError: The store does not respond.
    """
    address = store_uri(uri)
    mlflow.set_tracking_uri(address)
    deadline = time.monotonic() + patience
    is_reported = False
    while True:
        try:
            with answering(uri), _opening(uri):
                _keep_private()
                _make_tables(address)
                client = MlflowClient(address)
                client.search_experiments(max_results=1)
            try:
                if sent := sync(address):
                    print(f"{sent} queued tracking events were sent", file=sys.stderr, flush=True)
            except (MlflowException, OSError, SQLAlchemyError, LockError) as error:
                print(f"queued tracking events were not sent: {redacted(str(error))}", file=sys.stderr)
            return client
        except (TrackingError, LockError) as error:
            if time.monotonic() > deadline:
                raise
            if not is_reported:
                print(f"{error}\nwaiting for the tracking store for at most {patience / 60:.0f} minutes", flush=True)
                is_reported = True
            time.sleep(2.0)


@contextmanager
def answering(uri: str | None) -> Iterator[None]:
    """Turn the exceptions of a store into a `TrackingError` with a message for the user.

    Raises:
        TrackingError: The store does not respond.
    """
    try:
        yield
    except (MlflowException, OSError, SQLAlchemyError) as error:
        address = redacted(store_uri(uri))
        reason = redacted(str(error))
        if "database is locked" in reason:
            raise TrackingError(
                f"tracking store {address} has been locked by another process for over 20 seconds. "
                "End that process (`fuser` shows it), and run the same command again."
            ) from error
        if "database schema" in reason:
            raise TrackingError(
                f"tracking store {address} was made by another version of MLflow. Back it up, then run "
                f"`mlflow db upgrade {address}`; a store of a later version needs that version of MLflow."
            ) from error
        if is_refused(error):
            raise TrackingError(
                f"tracking store {address} does not accept the credentials. Set MLFLOW_TRACKING_USERNAME and "
                "MLFLOW_TRACKING_PASSWORD, or MLFLOW_TRACKING_TOKEN, and run the same command again."
            ) from error
        if is_damaged(reason):
            raise TrackingError(
                f"tracking store {address}: the database is damaged ({reason.splitlines()[0]}). Restore a backup of "
                "it; or let `python -m pipeline.doctor --mend` move it aside and keep what can still be read: runs "
                "that are lost are trained again, or continued from their checkpoints."
            ) from error
        if isinstance(error, OSError) and error.errno == errno.ENOSPC:
            raise  # a full disk has a message of its own
        if isinstance(error, OSError) and error.filename:
            raise TrackingError(
                f"tracking store {address}: {error.filename}: {error.strerror}. "
                f"Fix that, or set tracking.uri=null to use {root() / 'mlflow.db'}."
            ) from error
        if "disk is full" in reason:
            raise TrackingError(
                f"tracking store {address}: the disk is full. Free some space, and run the same command again."
            ) from error
        raise TrackingError(
            f"tracking store {address} does not respond: {reason}. "
            f"Start it, or set tracking.uri=null to use {root() / 'mlflow.db'}."
        ) from error


def is_refused(error: Exception) -> bool:
    """Return whether a server asks for other credentials."""
    status = error.get_http_status_code() if isinstance(error, MlflowException) else None
    return status in (401, 403) or any(f"error code {code}" in str(error) for code in (401, 403))


def experiment_id(client: MlflowClient, name: str, uri: str | None) -> str:
    """Return the id of an MLflow experiment, created if missing; the default store keeps artifacts at the root."""
    with _opening(uri):
        experiment = client.get_experiment_by_name(name)
        if experiment is not None:
            if experiment.lifecycle_stage == "deleted":
                client.restore_experiment(experiment.experiment_id)
            return str(experiment.experiment_id)
        artifacts = None if uri else (private_folder(root() / ARTIFACTS) / name).as_uri()
        try:
            return str(client.create_experiment(name, artifact_location=artifacts))
        except MlflowException as error:
            experiment = client.get_experiment_by_name(name)
            if experiment is None or error.error_code != ErrorCode.Name(RESOURCE_ALREADY_EXISTS):
                raise
            return str(experiment.experiment_id)  # another host has created it


def all_experiments(client: MlflowClient, view: int = ViewType.ACTIVE_ONLY) -> list[Experiment]:
    """Return all experiments of a store."""
    return list(paged(partial(client.search_experiments, view_type=view)))


def paged(query: Callable[..., PagedList[_T]]) -> Iterator[_T]:
    """Yield the items of a paginated query.

    Args:
        query: A function that returns the page of a `page_token`.
    """
    token: str | None = None
    while True:
        page = query(page_token=token)
        yield from page
        token = page.token
        if not token:
            return


def _opening(uri: str | None) -> FolderLock:
    """Return the lock under which a store is opened, because processes that create its tables at once would fail.

    Clones that share a database file elsewhere share a lock in the folder for temporary files.
    """
    folder = root() / ".checkpoints" / "store"
    if uri is not None and uri.startswith("sqlite"):
        folder = Path(tempfile.gettempdir()) / f"onehot-store-{os.getuid()}-{digest(uri)[:16]}"
    return FolderLock(folder, "opens the tracking store", wait_seconds=120)


def _keep_private() -> None:
    # Settings, scores and samples may come from private data, which other users of the machine must not read.
    private_folder(root() / ".checkpoints")
    path = root() / "mlflow.db"
    if path.exists():
        private_file(path)


def _make_tables(address: str) -> None:
    """Create all tables of a new database file in one step: MLflow refuses a file with only some of its tables."""
    scheme, _, name = address.partition(":///")
    path = Path(name)
    if scheme != "sqlite" or not name or (path.exists() and path.stat().st_size):
        return
    # A unique name, because process ids repeat in containers and MLflow caches a store by its address.
    partial = private_file(path.with_name(f".{path.name}-{uuid.uuid4().hex[:8]}.{os.getpid()}.partial"))
    MlflowClient(f"sqlite:///{partial}").search_experiments(max_results=1)
    sync_file(partial)
    partial.replace(path)
