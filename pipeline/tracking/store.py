"""The MLflow store: anchored at the root of the clone, initialised once."""

import logging
import os
import warnings

from pipeline.config import PipelineError
from pipeline.storage import FolderLock, root

# MLflow warns about its own choices (file stores, Python's filters) at every start.
warnings.filterwarnings("ignore", category=FutureWarning, module="mlflow")
logging.getLogger("alembic").setLevel(logging.WARNING)
os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
# MLflow's own patience with a server that is down is over two minutes a call.
os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "2")
os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "10")

import mlflow  # noqa: E402
from mlflow import MlflowClient  # noqa: E402
from mlflow.exceptions import MlflowException  # noqa: E402

logging.getLogger("mlflow").setLevel(logging.WARNING)


class TrackingError(PipelineError):
    """The tracking store cannot be used."""


def store_uri(uri: str | None) -> str:
    """Return the given URI, or the sqlite store at the root."""
    return uri or f"sqlite:///{root() / 'mlflow.db'}"


def open_store(uri: str | None) -> MlflowClient:
    """Connect; a fresh sqlite store gets its tables under a lock, so that several runs may start at once.

    Raises:
        TrackingError: The store does not answer.
    """
    address = store_uri(uri)
    mlflow.set_tracking_uri(address)
    client = MlflowClient(address)
    try:
        with FolderLock(root() / ".checkpoints" / "store", "opens the tracking store", wait_seconds=120):
            client.search_experiments(max_results=1)
    except MlflowException as error:
        raise TrackingError(
            f"tracking store {address} does not answer: {error}. "
            f"Start it, or set tracking.uri=null for {root() / 'mlflow.db'}."
        ) from error
    return client


def experiment_id(client: MlflowClient, name: str, uri: str | None) -> str:
    """Return the id of an MLflow experiment, made where there is none; a local store keeps artifacts at the root."""
    with FolderLock(root() / ".checkpoints" / "store", "opens the tracking store", wait_seconds=120):
        found = client.get_experiment_by_name(name)
        if found is not None:
            if found.lifecycle_stage == "deleted":
                client.restore_experiment(found.experiment_id)
            return str(found.experiment_id)
        artifacts = None if uri else (root() / "mlartifacts" / name).as_uri()
        return str(client.create_experiment(name, artifact_location=artifacts))
