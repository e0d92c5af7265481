"""Hand a network over to MLflow."""

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
"""In the folder of what is handed over: the code that runs the network."""
SCRIPT = f"{CODE}/tracking/pyfunc.py"


def send(uri: str, run_id: str, folder: Path, content: Mapping[str, Any]) -> None:
    """Hand a network over to the tracking store, unless the run has one.

    Signature, requirements and example are given: MLflow's own guesses load the model several times.

    Args:
        uri: Of the store.
        run_id: Of the run.
        folder: As `log_model` filled it.
        content: As `log_model` told it.
    """
    client = MlflowClient(uri)
    if logged_model(client, run_id):
        return
    for half in _logged(client, run_id):  # the store went away while it took it
        client.delete_logged_model(half.model_id)
    mlflow.set_tracking_uri(uri)
    mlflow.set_experiment(experiment_id=client.get_run(run_id).info.experiment_id)
    columns = [Column(**each) for each in content["columns"]]
    outputs = [Column(**each) for each in content["outputs"]]
    taken = Schema([ColSpec("double" if c.is_number else "string", c.name, required=False) for c in columns])
    given = Schema([ColSpec("float" if c.is_number else "string", c.name) for c in outputs])
    names = [column.name for column in columns]
    frame = pd.DataFrame(content["example"], columns=names).astype({c.name: float for c in columns if c.is_number})
    # What mlflow.pyfunc.log_model does, which would take the active run; there is none in this thread.
    Model.log(
        artifact_path=None,
        flavor=mlflow.pyfunc,
        run_id=run_id,
        name="model",
        python_model=str(folder / SCRIPT),
        artifacts={"models": str(folder / MODELS.name)},
        code_paths=[str(folder / CODE)],
        signature=ModelSignature(inputs=taken, outputs=given),
        input_example=frame,
        pip_requirements=list(content["requirements"]),
    )


def logged_model(client: MlflowClient, run_id: str) -> str | None:
    """Return the address of the network that a run logged; None where it logged none, or only half of one."""
    ready = [model for model in _logged(client, run_id) if model.status == LoggedModelStatus.READY]
    return str(ready[0].model_uri) if ready else None


def _logged(client: MlflowClient, run_id: str) -> list[LoggedModel]:
    experiment = client.get_run(run_id).info.experiment_id
    return list(client.search_logged_models([experiment], f"source_run_id = '{run_id}'"))
