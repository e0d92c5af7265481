"""Upload a network to MLflow."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import mlflow
import pandas as pd
from mlflow import MlflowClient
from mlflow.entities import LoggedModel, LoggedModelStatus
from mlflow.models import Model, ModelSignature
from mlflow.types import ColSpec, Schema

from pipeline.storage import MODELS
from pipeline.tasks import Column

CODE = "pipeline"
"""The folder of the uploaded code, which runs the network."""
SCRIPT = f"{CODE}/tracking/pyfunc.py"


def send(uri: str, run_id: str, folder: Path, content: Mapping[str, Any]) -> None:
    """Upload a network to the tracking store, unless the run has one.

    Signature, requirements and example are passed explicitly: to infer them, MLflow would load the model several times.

    Args:
        uri: The address of the store.
        run_id: The id of the run.
        folder: The folder that `log_model` filled.
        content: The content of the event that `log_model` queued.
    """
    client = MlflowClient(uri)
    if logged_model(client, run_id):
        return
    for incomplete in _logged(client, run_id):  # the store failed during an upload
        client.delete_logged_model(incomplete.model_id)
    mlflow.set_tracking_uri(uri)
    mlflow.set_experiment(experiment_id=client.get_run(run_id).info.experiment_id)
    columns = [Column(**column) for column in content["columns"]]
    outputs = [Column(**column) for column in content["outputs"]]
    inputs = Schema([ColSpec("double" if c.is_number else "string", c.name, required=False) for c in columns])
    results = Schema([ColSpec("float" if c.is_number else "string", c.name) for c in outputs])
    names = [column.name for column in columns]
    frame = pd.DataFrame(content["example"], columns=names).astype({c.name: float for c in columns if c.is_number})
    # `mlflow.pyfunc.log_model` does the same, but logs to the active run; this thread has none.
    Model.log(
        artifact_path=None,
        flavor=mlflow.pyfunc,
        run_id=run_id,
        name=content["name"],
        python_model=str(folder / SCRIPT),
        artifacts={"models": str(folder / MODELS.name)},
        code_paths=[str(folder / CODE)],
        signature=ModelSignature(inputs=inputs, outputs=results),
        input_example=frame,
        pip_requirements=list(content["requirements"]),
    )


def logged_model(client: MlflowClient, run_id: str) -> LoggedModel | None:
    """Return the network that a run logged; None if there is none, or its upload was incomplete."""
    return next((model for model in _logged(client, run_id) if model.status == LoggedModelStatus.READY), None)


def _logged(client: MlflowClient, run_id: str) -> list[LoggedModel]:
    experiment = client.get_run(run_id).info.experiment_id
    return list(client.search_logged_models([experiment], f"source_run_id = '{run_id}'"))
