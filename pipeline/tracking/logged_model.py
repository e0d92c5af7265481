"""Log the trained network so that MLflow can load and serve it."""

import importlib.metadata
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import mlflow
import pandas as pd
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException
from mlflow.models import ModelSignature
from mlflow.types import ColSpec, Schema

from pipeline.storage import PROJECT
from pipeline.tasks import Column
from pipeline.tracking.run import logged_models
from pipeline.tracking.store import TrackingError, open_store, store_uri

NEEDED = ("hydra-core", "keras", "mlflow", "numpy", "pandas", "pyarrow", "pydantic", "tensorflow")
WHERE_USED = ("sentencepiece",)
"""Needed by some networks; these were trained where it was installed."""
SCRIPT = Path(__file__).with_name("pyfunc.py")


def log_model(
    models: Path, columns: Sequence[Column], outputs: Sequence[Column], example: list[dict[str, Any]]
) -> None:
    """Log `models/` as a pyfunc in the active run.

    Signature, requirements and example are given: MLflow's own guesses load the model several times.

    Args:
        models: What the train stage saved.
        columns: Raw columns of the input.
        outputs: Columns of a prediction.
        example: A few raw rows.
    """
    taken = Schema([ColSpec("double" if c.is_number else "string", c.name, required=False) for c in columns])
    given = Schema([ColSpec("float" if c.is_number else "string", c.name) for c in outputs])
    names = [column.name for column in columns]
    frame = pd.DataFrame(example, columns=names).astype({c.name: float for c in columns if c.is_number})
    mlflow.pyfunc.log_model(
        name="model",
        python_model=str(SCRIPT),
        artifacts={"models": str(models)},
        code_paths=[str(PROJECT / "pipeline")],
        signature=ModelSignature(inputs=taken, outputs=given),
        input_example=frame,
        pip_requirements=[f"{name}=={version}" for name, version in _installed()],
    )


def _installed() -> Iterator[tuple[str, str]]:
    for name in (*NEEDED, *WHERE_USED):
        try:
            yield name, importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            if name in NEEDED:
                raise


def download_model(name: str) -> Path:
    """Bring a logged network from the tracking store.

    Args:
        name: An MLflow run id, or `models:/NAME@ALIAS` and the like.

    Raises:
        TrackingError: The store knows no such network.
    """
    client = open_store(None)
    try:
        uri = name if ":/" in name else _of_run(client, name)
        folder = Path(mlflow.artifacts.download_artifacts(uri)) / "artifacts" / "models"
    except MlflowException as error:
        raise TrackingError(f"{name}: no network of this name in {store_uri(None)}: {error}") from error
    return folder


def _of_run(client: MlflowClient, run_id: str) -> str:
    found = logged_models(client, run_id)
    if not found:
        raise TrackingError(f"run {run_id} logged no network; see tracking.log_model")
    return str(found[0].model_uri)
