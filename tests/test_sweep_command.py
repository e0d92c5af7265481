"""Sweeps as typed: real processes, real kills, counted afterwards; the best becomes an experiment."""

import os
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import optuna
import psutil
import pytest
import yaml
from conftest import Project, copy_project
from mlflow import MlflowClient
from optuna.trial import FrozenTrial, TrialState

pytestmark = pytest.mark.slow
SWEEP = ("python", "-m", "pipeline.train", "--multirun", "experiment=tiny", "model.dropout=range(0.0,0.6,0.1)")
LONG = ("train.epochs=12", "train.batch_size=4", "hydra/sweeper/pruner=none")
"""Trials that take some seconds: long enough to be killed in."""


@pytest.fixture
def tiny_project(tmp_path: Path) -> Project:
    project = copy_project(tmp_path / "project")
    for stage in ("fetch", "preprocess"):
        project.run("python", "-m", f"pipeline.{stage}", "experiment=tiny")
    return project


def study_of(project: Project) -> optuna.Study | None:
    path = project.folder / "optuna.db"
    if not path.is_file():
        return None
    try:
        storage = optuna.storages.RDBStorage(f"sqlite:///{path}", engine_kwargs={"connect_args": {"timeout": 60}})
        summaries = optuna.get_all_study_summaries(storage, include_best_trial=False)
    except Exception:  # its tables are being made
        return None
    return optuna.load_study(storage=storage, study_name=summaries[0].study_name) if summaries else None


def running(project: Project, process: "subprocess.Popen[str]", count: int = 1) -> list[FrozenTrial]:
    """Wait until so many trials have reported an epoch and go on; return them."""
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        assert process.poll() is None, process.communicate()[0]
        if study := study_of(project):
            found = [
                trial
                for trial in study.get_trials(deepcopy=False, states=(TrialState.RUNNING,))
                if 1 <= len(trial.intermediate_values) < 8
            ]
            if len(found) >= count:
                return found
        time.sleep(0.2)
    raise AssertionError("no trial began")


def ended(project: Project) -> tuple[list[str], dict[str, list[str]]]:
    """Return how the trials ended, and the states of the MLflow runs by trial."""
    study = study_of(project)
    assert study is not None
    client = MlflowClient(f"sqlite:///{project.folder / 'mlflow.db'}")
    experiments = [each.experiment_id for each in client.search_experiments() if each.name == "tiny"]
    runs: dict[str, list[str]] = {}
    for run in client.search_runs(experiments):
        runs.setdefault(run.data.tags.get("onehot.trial", "sweep"), []).append(run.info.status)
    return [trial.user_attrs.get("ended", trial.state.name) for trial in study.trials], runs


def owner(trial: FrozenTrial) -> int:
    found: dict[str, Any] = trial.user_attrs["owner"]
    return int(found["pid"])


def test_from_a_sweep_to_an_experiment(tiny_project: Project) -> None:
    project = tiny_project
    shown = project.run(*SWEEP, "+sweep=table", "hydra.sweeper.n_trials=3", "model.merge=concat", "train.epochs=2")
    study = study_of(project)
    assert study is not None
    assert "3 complete" in shown
    assert {"model.merge", "model.bins"} & set(study.trials[0].params) == set()  # taken out by a plain value
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
    wrong = project.run("python", "-m", "pipeline.promote", study.study_name[:-1] + "x", "worse", fails=True)
    assert f"did you mean {study.study_name}?" in wrong
    for arguments, fault in (
        (["+sweep=tabel"], "+sweep=tabel: no file conf/sweep/tabel.yaml; did you mean table?"),
        (["hydra.sweeper.n_trial=3"], "n_trial"),
        (["hydra/sweeper/pruner=medain"], "medain"),
        (["train.epocs=3"], "epocs"),
    ):
        told = project.run(*SWEEP, *arguments, fails=True)
        assert fault in told
        assert "Traceback" not in told
    told = project.run("python", "-m", "pipeline.evaluate", "--multirun", fails=True)
    assert "only training is searched" in told


def test_a_killed_worker_ends_neither_the_others_nor_the_sweep(tiny_project: Project) -> None:
    project = tiny_project
    process = project.start(*SWEEP, *LONG, "hydra.sweeper.n_jobs=2", "hydra.sweeper.n_trials=3")
    victim = running(project, process, count=2)[0]
    assert owner(victim) != process.pid
    os.kill(owner(victim), signal.SIGKILL)
    output, _ = process.communicate(timeout=300)
    assert process.returncode == 0, output
    assert "a worker was killed" in output
    assert f"trial {victim.number}: its process is gone; it is repeated" in output
    states, runs = ended(project)
    assert states.count("COMPLETE") == 3, output
    assert set(states) == {"COMPLETE", "killed"}
    assert runs[str(victim.number)] == ["KILLED"]
    assert sorted(status for each in runs.values() for status in each) == ["FINISHED"] * 4 + ["KILLED"] * states.count(
        "killed"
    )


def test_killed_with_all_its_workers_the_next_start_finishes(tiny_project: Project) -> None:
    project = tiny_project
    command = (*SWEEP, *LONG, "hydra.sweeper.n_jobs=2", "hydra.sweeper.n_trials=2")
    process = project.start(*command)
    trials = running(project, process, count=2)
    family = [process.pid, *(child.pid for child in psutil.Process(process.pid).children(recursive=True))]
    assert {owner(trial) for trial in trials} <= set(family)
    for pid in family:
        os.kill(pid, signal.SIGKILL)
    process.communicate()
    output = project.run(*command)
    for trial in trials:
        assert f"trial {trial.number}: its process is gone; it is repeated" in output
    states, runs = ended(project)
    assert states.count("COMPLETE") == 2
    assert states.count("killed") == 2
    assert all("RUNNING" not in each for each in runs.values())
    assert runs["sweep"] == ["FINISHED"]


def test_workers_end_with_their_parent(tiny_project: Project) -> None:
    project = tiny_project
    process = project.start(*SWEEP, *LONG, "hydra.sweeper.n_jobs=2", "hydra.sweeper.n_trials=50")
    owners = [owner(trial) for trial in running(project, process, count=2)]
    process.kill()
    process.communicate()
    deadline = time.monotonic() + 60
    while any(psutil.pid_exists(pid) for pid in owners) and time.monotonic() < deadline:
        time.sleep(0.5)
    assert not any(psutil.pid_exists(pid) for pid in owners)
    states, _ = ended(project)
    assert "interrupted" in states


def test_interrupted_it_says_so_and_goes_on(tiny_project: Project) -> None:
    project = tiny_project
    command = (*SWEEP, *LONG, "hydra.sweeper.n_trials=2")
    process = project.start(*command)
    (trial,) = running(project, process)
    os.kill(owner(trial), signal.SIGINT)
    output, _ = process.communicate(timeout=120)
    assert process.returncode == 130, output
    states, runs = ended(project)
    assert states == ["interrupted"]
    assert runs == {"0": ["KILLED"], "sweep": ["KILLED"]}
    output = project.run(*command)
    assert f"trial {trial.number} was interrupted; it is repeated" in output
    states, runs = ended(project)
    assert states == ["interrupted", "COMPLETE", "COMPLETE"]
    assert runs["sweep"] == ["FINISHED"]
    log = (project.folder / ".sweeps").glob("*/0/log.txt")
    assert "epoch 12/12" in next(log).read_text(encoding="utf-8")  # the repetition went on from the checkpoint


def test_a_grid_through_dvc_s_queue(tiny_project: Project) -> None:
    project = tiny_project
    fixed = ("-S", "experiment=tiny", "-S", "train.epochs=1", "-S", "tracking.log_model=false")
    shown = project.run("dvc", "exp", "run", "--queue", *fixed, "-S", "train.batch_size=256,512", "train")
    assert shown.count("Queued experiment") == 2
    project.run("dvc", "queue", "start", "--jobs", "1")
    deadline = time.monotonic() + 240
    while (status := project.run("dvc", "queue", "status")).count("Success") < 2 and time.monotonic() < deadline:
        assert "Failed" not in status, status
        time.sleep(1)
    client = MlflowClient(f"sqlite:///{project.folder / 'mlflow.db'}")
    (experiment,) = [each.experiment_id for each in client.search_experiments() if each.name == "tiny"]
    sizes = {run.data.params["train.batch_size"] for run in client.search_runs([experiment])}
    assert sizes == {"256", "512"}
