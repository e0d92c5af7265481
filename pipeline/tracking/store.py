"""The MLflow store: anchored at the root of the clone, initialised once."""

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

from pipeline.storage import FolderLock, LockError, PipelineError, digest, private_file, private_folder, root, sync_file
from pipeline.tracking.redaction import redacted

# MLflow warns about its own choices (file stores, Python's filters) at every start.
warnings.filterwarnings("ignore", category=FutureWarning, module="mlflow")
logging.getLogger("alembic").setLevel(logging.WARNING)
os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
os.environ.setdefault("MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT", "true")
# MLflow's own patience with a server that is down is over two minutes a call.
os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "2")
os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "10")

import mlflow  # noqa: E402
from mlflow import MlflowClient  # noqa: E402
from mlflow.entities import Experiment, ViewType  # noqa: E402
from mlflow.exceptions import MlflowException  # noqa: E402
from mlflow.protos.databricks_pb2 import RESOURCE_ALREADY_EXISTS, ErrorCode  # noqa: E402
from mlflow.store.entities import PagedList  # noqa: E402
from sqlalchemy.exc import SQLAlchemyError  # noqa: E402

from pipeline.tracking.journal import sync  # noqa: E402

logging.getLogger("mlflow").setLevel(logging.WARNING)
# Tells every failure with a traceback; it is handled, and told in a line.
logging.getLogger("mlflow.store.db.utils").setLevel(logging.CRITICAL)

_T = TypeVar("_T")

ARTIFACTS = "mlartifacts"
"""At the root: files of the runs of the store that is there."""


class TrackingError(PipelineError):
    """The tracking store cannot be used."""


def store_uri(uri: str | None) -> str:
    """Return the given URI, or the sqlite store at the root."""
    return uri.rstrip("/") if uri else f"sqlite:///{root() / 'mlflow.db'}"


BETWEEN_TRAININGS = 600.0
"""Seconds to wait for a store that was there before: what has been trained so far is worth it."""


def open_store(uri: str | None, patience: float = 0.0) -> MlflowClient:
    """Connect, and deliver what ended processes left; a fresh sqlite store gets its tables under a lock.

    Args:
        uri: Of the store; None for the one at the root.
        patience: Seconds to go on trying where it does not answer.

    Raises:
        TrackingError: The store does not answer.
    """
    address = store_uri(uri)
    mlflow.set_tracking_uri(address)
    deadline = time.monotonic() + patience
    is_told = False
    while True:
        try:
            with answering(uri), _opening(uri):
                _keep_private()
                _make_tables(address)
                client = MlflowClient(address)
                client.search_experiments(max_results=1)
            try:
                if sent := sync(address):
                    told = f"{sent} entries of the record were sent that had been waiting for the store"
                    print(told, file=sys.stderr, flush=True)
            except (MlflowException, OSError, SQLAlchemyError, LockError) as error:
                print(f"what waits for the tracking store was not sent: {redacted(str(error))}", file=sys.stderr)
            return client
        except (TrackingError, LockError) as error:
            if time.monotonic() > deadline:
                raise
            if not is_told:
                print(f"{error}\nwaiting for it, {patience / 60:.0f} minutes at most", flush=True)
                is_told = True
            time.sleep(2.0)


@contextmanager
def answering(uri: str | None) -> Iterator[None]:
    """Turn what a store raises into a message.

    Raises:
        TrackingError: The store does not answer.
    """
    try:
        yield
    except (MlflowException, OSError, SQLAlchemyError) as error:
        address = redacted(store_uri(uri))
        reason = redacted(str(error))
        if "database is locked" in reason:
            raise TrackingError(
                f"tracking store {address} is locked by another process, which has not let go of it for over 20 "
                "seconds. End that one (`fuser` names it), and run the same command again."
            ) from error
        if isinstance(error, OSError) and error.errno == errno.ENOSPC:
            raise  # told for what it is
        if isinstance(error, OSError) and error.filename:
            raise TrackingError(
                f"tracking store {address}: {error.filename}: {error.strerror}. "
                f"Mend that, or set tracking.uri=null for {root() / 'mlflow.db'}."
            ) from error
        if "disk is full" in reason:
            raise TrackingError(
                f"tracking store {address}: the disk is full. Make room, and run the same command again."
            ) from error
        raise TrackingError(
            f"tracking store {address} does not answer: {reason}. "
            f"Start it, or set tracking.uri=null for {root() / 'mlflow.db'}."
        ) from error


def experiment_id(client: MlflowClient, name: str, uri: str | None) -> str:
    """Return the id of an MLflow experiment, made where there is none; a local store keeps artifacts at the root."""
    with _opening(uri):
        found = client.get_experiment_by_name(name)
        if found is not None:
            if found.lifecycle_stage == "deleted":
                client.restore_experiment(found.experiment_id)
            return str(found.experiment_id)
        artifacts = None if uri else (private_folder(root() / ARTIFACTS) / name).as_uri()
        try:
            return str(client.create_experiment(name, artifact_location=artifacts))
        except MlflowException as error:
            found = client.get_experiment_by_name(name)
            if found is None or error.error_code != ErrorCode.Name(RESOURCE_ALREADY_EXISTS):
                raise
            return str(found.experiment_id)  # another host was faster


def all_experiments(client: MlflowClient, view: int = ViewType.ACTIVE_ONLY) -> list[Experiment]:
    """Return the experiments of a store."""
    return list(paged(partial(client.search_experiments, view_type=view)))


def paged(ask: Callable[..., PagedList[_T]]) -> Iterator[_T]:
    """Give all that a store tells page by page.

    Args:
        ask: Asks for the page of a `page_token`.
    """
    token: str | None = None
    while True:
        page = ask(page_token=token)
        yield from page
        token = page.token
        if not token:
            return


def _opening(uri: str | None) -> FolderLock:
    """Return the lock under which a store is opened: several that make the tables of one would stumble over each other.

    A database file elsewhere is shared by clones that know nothing of each other; they meet where files are temporary.
    """
    folder = root() / ".checkpoints" / "store"
    if uri is not None and uri.startswith("sqlite"):
        folder = Path(tempfile.gettempdir()) / f"onehot-store-{os.getuid()}-{digest(uri)[:16]}"
    return FolderLock(folder, "opens the tracking store", wait_seconds=120)


def _keep_private() -> None:
    # Settings, scores and samples of somebody's own data are not for everybody on the machine.
    private_folder(root() / ".checkpoints")
    path = root() / "mlflow.db"
    if path.exists():
        private_file(path)


def _make_tables(address: str) -> None:
    """Give a fresh database file its tables in one step: killed between two of them, MLflow would refuse it."""
    scheme, _, name = address.partition(":///")
    path = Path(name)
    if scheme != "sqlite" or not name or (path.exists() and path.stat().st_size):
        return
    # A name of its own: containers hand out the same few numbers, and MLflow keeps what it has read once.
    partial = private_file(path.with_name(f".{path.name}-{uuid.uuid4().hex[:8]}.{os.getpid()}.partial"))
    MlflowClient(f"sqlite:///{partial}").search_experiments(max_results=1)
    sync_file(partial)
    partial.replace(path)
