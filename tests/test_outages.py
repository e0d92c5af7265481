"""A tracking store that is away, hangs, is slow or locked: the training goes on, and nothing of its record is lost."""

import signal
import sqlite3
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from conftest import Project, copy_project, write_tiny
from mlflow import MlflowClient
from mlflow.entities import Run
from record import history, runs
from running import Running
from servers import Between, Server, clear

from pipeline.training.pause import PAUSE_AT

pytestmark = pytest.mark.slow
EPOCHS = 24
LONG = ("experiment=tiny", "train.batch_size=4", f"train.epochs={EPOCHS}", "train.precision=float32")
"""Epochs of seconds: there is time to stop a server and to start it again."""


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    project = copy_project(tmp_path_factory.mktemp("outages"))
    write_tiny(project.folder / "data" / "own", rows=20_000)
    for stage in ("fetch", "preprocess"):
        project.run("python", "-m", f"pipeline.{stage}", *LONG)
    return project


@pytest.fixture
def server(project: Project, tmp_path: Path) -> Iterator[Server]:
    clear(project.folder, "models", ".checkpoints", "reports/run.json", "mlflow.db", "mlartifacts")
    server = Server(tmp_path)
    server.start()
    yield server
    server.stop()


def training_of(project: Project, *overrides: str) -> Running:
    return Running(project, "python", "-m", "pipeline.train", *LONG, *overrides)


def is_complete(run: Run, points: Callable[[Run, str], list[tuple[int, float]]], epochs: int = EPOCHS) -> None:
    """See that the record has no hole and nothing twice."""
    assert run.info.status == "FINISHED"
    for metric in ("train/loss", "val/auc", "val/log_loss"):
        assert [step for step, _ in points(run, metric)] == list(range(1, epochs + 1))
    assert run.data.params["train.batch_size"] == "4"


def has_files(server: Server, run: Run) -> None:
    client = MlflowClient(server.uri)
    found = {each.path for each in client.list_artifacts(run.info.run_id)}
    assert found >= {"config.yaml", "network.txt", "network.png", "environment.txt", "machine.json", "files"}
    (model,) = client.search_logged_models([run.info.experiment_id])
    assert model.source_run_id == run.info.run_id


def test_a_server_that_stops_within_a_training_gets_everything_later(project: Project, server: Server) -> None:
    go_on = project.folder / ".checkpoints" / "go on"
    command = ("python", "-m", "pipeline.train", *LONG, "train.epochs=3", f"tracking.uri={server.uri}")
    training = Running(project, *command, environment={PAUSE_AT: f"2:5:{go_on}"})
    try:
        training.wait_for("paused at epoch 2, step 5")
        server.stop()
        go_on.touch()
        assert training.end() == 0, training.output
    finally:
        training.kill()
    assert (project.folder / "models" / "model.keras").is_file()
    server.start()
    assert "tracking events were sent" in project.run("python", "-m", "pipeline.runs", "sync")
    (run,) = server.runs()
    is_complete(run, server.history, epochs=3)
    has_files(server, run)


@pytest.mark.faults
def test_stopped_and_started_again_a_server_gets_everything(project: Project, server: Server) -> None:
    training = training_of(project, f"tracking.uri={server.uri}")
    training.wait_for("epoch 1/")
    server.stop()
    training.wait_for("training continues, its tracking events are queued in")
    server.start()
    assert training.end() == 0, training.output
    assert "the tracking store responds again" in training.output
    (run,) = server.runs()
    is_complete(run, server.history)
    has_files(server, run)
    assert list((project.folder / ".checkpoints" / "journal").iterdir()) == []


@pytest.mark.faults
def test_a_server_that_stays_away_gets_everything_later(project: Project, server: Server) -> None:
    training = training_of(project, f"tracking.uri={server.uri}")
    training.wait_for("epoch 1/")
    server.stop()
    assert training.end() == 0, training.output
    assert "tracking events are queued in" in training.output
    assert (project.folder / "models" / "model.keras").is_file()
    server.start()
    assert "tracking events were sent" in project.run("python", "-m", "pipeline.runs", "sync")
    (run,) = server.runs()
    is_complete(run, server.history)
    has_files(server, run)


@pytest.mark.faults
def test_a_server_that_hangs_stops_nothing(project: Project, server: Server) -> None:
    training = training_of(project, f"tracking.uri={server.uri}")
    training.wait_for("epoch 1/")
    server.signal(signal.SIGSTOP)
    training.wait_for("epoch 6/")
    server.signal(signal.SIGCONT)
    assert training.end() == 0, training.output
    project.run("python", "-m", "pipeline.runs", "sync")
    (run,) = server.runs()
    is_complete(run, server.history)
    has_files(server, run)


@pytest.mark.faults
@pytest.mark.parametrize(("seconds", "fails"), [(2.0, False), (0.0, True)], ids=["slow", "500"])
def test_a_server_in_trouble_gets_everything(project: Project, server: Server, seconds: float, fails: bool) -> None:
    between = Between(server)
    training = training_of(project, f"tracking.uri={between.uri}")
    training.wait_for("epoch 1/")
    between.seconds, between.fails = seconds, fails
    training.wait_for("epoch 6/")
    assert between.late + between.failed > 0
    between.fails = False
    assert training.end() == 0, training.output
    between.seconds = 0.0
    project.run("python", "-m", "pipeline.runs", "sync")
    between.close()
    (run,) = server.runs()
    is_complete(run, server.history)
    has_files(server, run)


@pytest.mark.faults
def test_a_locked_database_is_waited_for(project: Project) -> None:
    clear(project.folder, "models", ".checkpoints", "reports/run.json", "mlflow.db", "mlartifacts")
    training = training_of(project)
    training.wait_for("epoch 1/")
    lock = sqlite3.connect(project.folder / "mlflow.db", isolation_level=None)
    lock.execute("BEGIN EXCLUSIVE")
    training.wait_for("epoch 7/")
    time.sleep(25)
    lock.execute("COMMIT")
    lock.close()
    assert training.end() == 0, training.output
    project.run("python", "-m", "pipeline.runs", "sync")
    (run,) = runs(project)
    is_complete(run, lambda run, metric: history(project, run, metric))


@pytest.mark.faults
def test_eight_open_a_fresh_store_at_once(project: Project) -> None:
    clear(project.folder, "mlflow.db", "mlartifacts", ".checkpoints")
    opening = "from pipeline.tracking import open_store; print(len(open_store(None).search_experiments()))"
    started = [project.start("python", "-c", opening) for _ in range(8)]
    for process in started:
        output, _ = process.communicate(timeout=240)
        assert (process.returncode, output.split()[-1]) == (0, "1"), output
