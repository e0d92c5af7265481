"""Look into the tracking store and the folders of a copied project."""

import atexit
import shutil
import tempfile
from pathlib import Path

from conftest import Project
from mlflow import MlflowClient
from mlflow.entities import Run


def store_of(project: Project) -> MlflowClient:
    """Open a copy of the store: MLflow keeps a file open that it has read once, also when it was replaced."""
    copy = Path(tempfile.mkdtemp(prefix="onehot-read-")) / "mlflow.db"
    atexit.register(shutil.rmtree, copy.parent, ignore_errors=True)
    shutil.copy(project.folder / "mlflow.db", copy)
    return MlflowClient(f"sqlite:///{copy}")


def runs(project: Project, experiment: str = "tiny") -> list[Run]:
    client = store_of(project)
    found = client.get_experiment_by_name(experiment)
    return list(client.search_runs([found.experiment_id], order_by=["start_time ASC"])) if found else []


def history(project: Project, run: Run, metric: str) -> list[tuple[int, float]]:
    client = store_of(project)
    return sorted((point.step, point.value) for point in client.get_metric_history(run.info.run_id, metric))


def content(folder: Path) -> dict[str, bytes]:
    files = (path for path in sorted(folder.rglob("*")) if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}
