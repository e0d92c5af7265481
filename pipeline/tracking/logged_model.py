"""Log the trained network as an MLflow model, which MLflow can load and serve."""

import importlib.metadata
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path, PurePosixPath
from typing import Any

import mlflow
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException

from pipeline.storage import MODELS, PROJECT, link_or_copy
from pipeline.tasks import Column
from pipeline.tracking.errors import TrackingError
from pipeline.tracking.redaction import redacted
from pipeline.tracking.registry import model_name, registered
from pipeline.tracking.run import Run
from pipeline.tracking.scored import find
from pipeline.tracking.store import answering, open_store, store_uri
from pipeline.tracking.upload import CODE, logged_model

NEEDED = ("hydra-core", "keras", "mlflow", "numpy", "pandas", "pyarrow", "pydantic", "tensorflow")
EXPORT, SERVED = "export", ("numpy", "onnx")
"""The folder of exported networks in a run, and the formats that the service prefers, first to last."""
WHERE_USED = ("sentencepiece",)
"""Packages that only some networks need; they are required if they are installed where the network was trained."""


def log_model(
    run: Run,
    name: str,
    models: Path,
    columns: Sequence[Column],
    outputs: Sequence[Column],
    example: list[dict[str, Any]],
) -> None:
    """Log `models/` as a pyfunc with the current code, once per run; nothing is logged if the code contains a secret.

    Args:
        run: The run of the training.
        name: The name of the experiment, which the model gets.
        models: The folder that the train stage wrote.
        columns: The raw columns of the input.
        outputs: The columns of a prediction.
        example: A few raw rows.
    """
    secret = [path for path in sorted((PROJECT / CODE).rglob("*.py")) if _holds_secret(path)]
    if secret:
        names = ", ".join(path.relative_to(PROJECT).as_posix() for path in secret)
        print(
            f"the network is not logged: {names} contains what looks like a password or token, and the code goes with "
            "the network. Read the secret from an environment variable, and run the same command again",
            flush=True,
        )
        return

    def fill(folder: Path) -> None:
        # Stages replace their files and never change them, so a hard link is safe; it costs neither time nor space.
        shutil.copytree(models, folder / MODELS.name, copy_function=link_or_copy)
        shutil.copytree(PROJECT / CODE, folder / CODE, ignore=_all_but_code)

    content = {
        "name": model_name(name),
        "columns": [asdict(column) for column in columns],
        "outputs": [asdict(column) for column in outputs],
        "example": example,
        "requirements": [f"{name}=={version}" for name, version in _installed()],
    }
    run.queue("model", content, fill)


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
    """Download a logged network from the tracking store; return its folder.

    Args:
        name: An MLflow run id, or a model URI such as `models:/NAME@ALIAS`.
        address: The address of the store; None for the store at the root.

    Raises:
        TrackingError: There is no such network in the store.
    """
    client = open_store(address)
    try:
        uri = (
            registered(client, name).source
            if name.startswith("models:/")
            else _of_run(client, find(client, name).info.run_id)
        )
        folder = Path(mlflow.artifacts.download_artifacts(uri)) / "artifacts" / "models"
    except MlflowException as error:
        raise TrackingError(f"{name}: no network of this name in {store_uri(address)}: {error}") from error
    return folder


def download_export(name: str, folder: Path, address: str | None = None, form: str | None = None) -> Path:
    """Download an exported network from the tracking store; return the folder of the bundle.

    Args:
        name: What names the run, as in `scored.find`.
        folder: Where to put it.
        address: The address of the store; None for the store at the root.
        form: The format; None for the first of `SERVED` that the run has.

    Raises:
        TrackingError: There is no such run, or it has no export in this format.
    """
    client = open_store(address)
    with answering(address):
        run = find(client, name)
        known = [
            PurePosixPath(item.path).name for item in client.list_artifacts(run.info.run_id, EXPORT) if item.is_dir
        ]
        chosen = [each for each in ([form] if form else SERVED) if each in known]
        if not chosen:
            wanted = form or " or ".join(SERVED)
            raise TrackingError(
                f"run {run.info.run_id} ({run.info.run_name}) has no export in format {wanted}; it has "
                f"{', '.join(known) or 'none'}. `dvc repro export` writes and records the formats of export.formats"
            )
        return Path(client.download_artifacts(run.info.run_id, f"{EXPORT}/{chosen[0]}", str(folder)))


def _of_run(client: MlflowClient, run_id: str) -> str:
    model = logged_model(client, run_id)
    if model is None:
        raise TrackingError(f"run {run_id} has no logged network; see tracking.log_model")
    return str(model.model_uri)
