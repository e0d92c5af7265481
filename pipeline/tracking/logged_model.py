"""Log the trained network so that MLflow can load and serve it."""

import importlib.metadata
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import mlflow
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException

from pipeline.storage import MODELS, PROJECT, link_or_copy
from pipeline.tasks import Column
from pipeline.tracking.redaction import redacted
from pipeline.tracking.run import Run
from pipeline.tracking.store import TrackingError, open_store, store_uri
from pipeline.tracking.upload import CODE, logged_model

NEEDED = ("hydra-core", "keras", "mlflow", "numpy", "pandas", "pyarrow", "pydantic", "tensorflow")
WHERE_USED = ("sentencepiece",)
"""Needed by some networks; these were trained where it was installed."""


def log_model(
    run: Run, models: Path, columns: Sequence[Column], outputs: Sequence[Column], example: list[dict[str, Any]]
) -> None:
    """Log `models/` as a pyfunc, with the code as it is now, once a run; code that holds a secret is not logged.

    Args:
        run: Which trained it.
        models: What the train stage saved.
        columns: Raw columns of the input.
        outputs: Columns of a prediction.
        example: A few raw rows.
    """
    secret = [path for path in sorted((PROJECT / CODE).rglob("*.py")) if _holds_secret(path)]
    if secret:
        names = ", ".join(path.relative_to(PROJECT).as_posix() for path in secret)
        print(
            f"the network is not logged: {names} holds what looks like a password or token, and the code goes with the "
            "network; read it from an environment variable, and run the same command again",
            flush=True,
        )
        return

    def fill(folder: Path) -> None:
        # The files of a stage are replaced, never changed: another name for them costs neither time nor room.
        shutil.copytree(models, folder / MODELS.name, copy_function=link_or_copy)
        shutil.copytree(PROJECT / CODE, folder / CODE, ignore=_all_but_code)

    content = {
        "columns": [asdict(column) for column in columns],
        "outputs": [asdict(column) for column in outputs],
        "example": example,
        "requirements": [f"{name}=={version}" for name, version in _installed()],
    }
    run.tell("model", content, fill)


def _all_but_code(folder: str, names: list[str]) -> list[str]:
    return [name for name in names if not name.endswith(".py") and not (Path(folder) / name).is_dir()] + ["__pycache__"]


def _holds_secret(path: Path) -> bool:
    text = path.read_text(encoding="utf-8", errors="replace")
    return bool(redacted(text) != text)


def _installed() -> Iterator[tuple[str, str]]:
    for name in (*NEEDED, *WHERE_USED):
        try:
            yield name, importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            if name in NEEDED:
                raise


def download_model(name: str, address: str | None = None) -> Path:
    """Bring a logged network from the tracking store.

    Args:
        name: An MLflow run id, or `models:/NAME@ALIAS` and the like.
        address: Of the store; None for the one at the root.

    Raises:
        TrackingError: The store knows no such network.
    """
    client = open_store(address)
    try:
        uri = name if ":/" in name else _of_run(client, name)
        folder = Path(mlflow.artifacts.download_artifacts(uri)) / "artifacts" / "models"
    except MlflowException as error:
        raise TrackingError(f"{name}: no network of this name in {store_uri(address)}: {error}") from error
    return folder


def _of_run(client: MlflowClient, run_id: str) -> str:
    uri = logged_model(client, run_id)
    if uri is None:
        raise TrackingError(f"run {run_id} logged no network; see tracking.log_model")
    return uri
