"""Sweeps as typed: the best becomes an experiment; DVC's queue for grids."""

import time
from pathlib import Path

import pytest
import yaml
from conftest import Project, copy_project
from mlflow import MlflowClient
from sweeps import SWEEP, prepared, study_of

pytestmark = pytest.mark.slow


@pytest.fixture
def tiny_project(tmp_path: Path) -> Project:
    return prepared(copy_project(tmp_path / "project"))


def test_from_a_sweep_to_an_experiment(tiny_project: Project) -> None:
    project = tiny_project
    shown = project.run(
        *SWEEP, "+sweep=table", "hydra.sweeper.n_trials=3", "model.numeric_encoding=concat", "train.epochs=2"
    )
    study = study_of(project)
    assert study is not None
    assert "3 complete" in shown
    assert {"model.numeric_encoding", "model.bins"} & set(study.trials[0].params) == set()  # taken out by a plain value
    assert not (project.folder / "models").exists()
    assert not (project.folder / "outputs").exists()
    assert not (project.folder / "multirun").exists()
    project.run("python", "-m", "pipeline.promote", study.study_name, "better")
    written = yaml.safe_load((project.folder / "conf" / "experiment" / "better.yaml").read_text(encoding="utf-8"))
    assert written["name"] == "better"
    assert written["train"]["epochs"] == 2
    assert written["model"]["hidden_units"] == study.best_params["model.hidden_units"]
    project.run("python", "-m", "pipeline.compose", "experiment=better")
    params = yaml.safe_load((project.folder / "params.yaml").read_text(encoding="utf-8"))
    for key, value in study.best_params.items():
        section, _, name = key.partition(".")
        assert params[section][name] == pytest.approx(value)
    assert params["data"] == yaml.safe_load((project.folder / "conf/data/tiny.yaml").read_text(encoding="utf-8"))
    again = project.run("python", "-m", "pipeline.promote", study.study_name, "better", fails=True)
    assert "conf/experiment/better.yaml exists; choose another name, or replace it with --force" in again
    itself = project.run("python", "-m", "pipeline.promote", study.study_name, "tiny", "--force", fails=True)
    assert "tiny is the experiment that was searched" in itself
    wrong = project.run("python", "-m", "pipeline.promote", study.study_name[:-1] + "x", "worse", fails=True)
    assert f"did you mean {study.study_name}?" in wrong
    for arguments, fault in (
        (["+sweep=tabel"], "+sweep=tabel: no file conf/sweep/tabel.yaml; did you mean table?"),
        (["hydra.sweeper.n_trial=3"], "hydra.sweeper.n_trial=3: unknown key; did you mean n_trials?"),
        (["name=other"], "name=other: a sweep keeps the name of its experiment; remove this override"),
        (["hydra/sweeper/pruner=medain"], "medain"),
        (["train.epocs=3"], "epocs"),
    ):
        told = project.run(*SWEEP, *arguments, fails=True)
        assert fault in told
        assert "Traceback" not in told
    told = project.run("python", "-m", "pipeline.evaluate", "--multirun", fails=True)
    assert "only the train command has sweeps" in told


@pytest.mark.faults
def test_a_grid_through_dvc_s_queue(tiny_project: Project) -> None:
    project = tiny_project
    fixed = ("-S", "experiment=tiny", "-S", "train.epochs=1", "-S", "tracking.log_model=false")
    shown = project.run("dvc", "exp", "run", "--queue", *fixed, "-S", "train.batch_size=256,512", "train")
    assert shown.count("Queued experiment") == 2
    project.run("dvc", "queue", "start", "--jobs", "1")
    deadline = time.monotonic() + 240
    while (status := project.run("dvc", "queue", "status")).count("Success") < 2 and time.monotonic() < deadline:
        assert "Failed" not in status, status
        time.sleep(5)  # asking takes seconds of a core, which the work wants
    client = MlflowClient(f"sqlite:///{project.folder / 'mlflow.db'}")
    (experiment,) = [each.experiment_id for each in client.search_experiments() if each.name == "tiny"]
    sizes = {run.data.params["train.batch_size"] for run in client.search_runs([experiment])}
    assert sizes == {"256", "512"}
