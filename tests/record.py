"""Look into the tracking store and the folders of a copied project."""

from pathlib import Path

from conftest import Project
from mlflow import MlflowClient
from mlflow.entities import Run


def runs(project: Project, experiment: str = "tiny") -> list[Run]:
    client = MlflowClient(f"sqlite:///{project.folder / 'mlflow.db'}")
    found = client.get_experiment_by_name(experiment)
    return list(client.search_runs([found.experiment_id], order_by=["start_time ASC"])) if found else []


def history(project: Project, run: Run, metric: str) -> list[tuple[int, float]]:
    client = MlflowClient(f"sqlite:///{project.folder / 'mlflow.db'}")
    return sorted((point.step, point.value) for point in client.get_metric_history(run.info.run_id, metric))


def content(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}
