"""Two at once: each finishes right, or says why it must wait."""

import os
import shutil
from pathlib import Path

import pytest
from conftest import Project, copy_project, write_tiny
from mlflow import MlflowClient
from record import content, runs
from running import Running
from servers import clear

from pipeline.training.pause import PAUSE_AT

pytestmark = pytest.mark.slow
LONG = ("experiment=tiny", "train.batch_size=4", "train.epochs=3", "train.precision=float32")
MADE = ("models", "reports/run.json", ".checkpoints", ".dvc/cache", ".dvc/tmp", "mlflow.db", "mlartifacts", "dvc.lock")


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    project = copy_project(tmp_path_factory.mktemp("two"))
    write_tiny(project.folder / "data" / "own", rows=20_000)
    project.run("python", "-m", "pipeline.compose", *LONG)
    return project


def test_of_two_repros_in_one_clone_one_says_that_it_must_wait(project: Project) -> None:
    clear(project.folder, *MADE)
    go_on = project.folder / ".checkpoints" / "go on"
    first = Running(project, "dvc", "repro", "train", environment={PAUSE_AT: f"1:5:{go_on}"})
    try:
        first.wait_for("paused at epoch 1, step 5")
        second = Running(project, "dvc", "repro", "train")
        assert second.end() != 0
        assert "is busy" in second.output
        assert f"(PID {first.process.pid})" in second.output
        go_on.touch()
        assert first.end() == 0, first.output
    finally:
        first.kill()
    assert "up to date" in project.run("dvc", "repro", "train")
    assert len(runs(project)) == 1


@pytest.mark.faults
def test_of_two_trainings_by_hand_the_second_names_the_first(project: Project) -> None:
    clear(project.folder, *MADE)
    project.run("dvc", "repro", "preprocess")
    first = Running(project, "python", "-m", "pipeline.train", *LONG, "train.epochs=60")
    first.wait_for("epoch 1/")
    second = project.run("python", "-m", "pipeline.train", *LONG, fails=True)
    assert f"is in use by process {first.process.pid}, which runs stage train in this folder" in second
    os.kill(first.process.pid, 15)
    first.end()
    assert "rerun the same command to resume from here" in first.output


@pytest.mark.faults
def test_two_clones_share_a_store_and_a_cache(project: Project, tmp_path: Path) -> None:
    clear(project.folder, *MADE, "data/processed", "data/raw")
    clones = []
    for name in "ab":
        shutil.copytree(project.folder, tmp_path / name)
        clone = Project(tmp_path / name)
        clone.run("dvc", "cache", "dir", "--local", str(tmp_path / "cache"))
        clone.run("python", "-m", "pipeline.compose", *LONG, f"tracking.uri=sqlite:///{tmp_path / 'shared.db'}")
        clones.append(clone)
    started = [Running(clone, "dvc", "repro", "evaluate") for clone in clones]
    for repro in started:
        assert repro.end() == 0, repro.output
    first, second = clones
    assert content(first.folder / "models") == content(second.folder / "models")
    client = MlflowClient(f"sqlite:///{tmp_path / 'shared.db'}")
    found = client.get_experiment_by_name("tiny")
    assert found is not None
    stored = client.search_runs([found.experiment_id])
    assert {run.info.status for run in stored} == {"FINISHED"}
    for run in stored:
        for metric in ("train/loss", "val/auc"):
            if metric in run.data.metrics:
                steps = sorted(point.step for point in client.get_metric_history(run.info.run_id, metric))
                assert steps == [1, 2, 3]


@pytest.mark.faults
def test_a_sweep_beside_a_repro(project: Project) -> None:
    clear(project.folder, *MADE)
    project.run("dvc", "repro", "preprocess")
    sweep = Running(
        project,
        *("python", "-m", "pipeline.train", "--multirun", *LONG, "tracking.log_model=false"),
        *("hydra.sweeper.n_trials=2", "model.hidden_units=choice(8,16)", "hydra.sweeper.study_name=beside"),
    )
    repro = Running(project, "dvc", "repro", "evaluate")
    assert repro.end() == 0, repro.output
    assert sweep.end() == 0, sweep.output
    assert {run.info.status for run in runs(project)} == {"FINISHED"}
    assert len([run for run in runs(project) if "mlflow.parentRunId" not in run.data.tags]) == 2
