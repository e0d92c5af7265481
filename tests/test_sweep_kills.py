"""Sweeps as typed, with real processes and real kills, counted afterwards."""

import os
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import psutil
import pytest
from conftest import Project, copy_project
from mlflow import MlflowClient
from optuna.trial import FrozenTrial, TrialState
from sweeps import SWEEP, prepared, study_of

from pipeline.tracking.tags import TRIAL

pytestmark = pytest.mark.slow
LONG = ("train.epochs=30", "train.batch_size=8", "hydra/sweeper/pruner=none")
"""Trials that take some seconds: long enough to be killed in."""


@pytest.fixture
def tiny_project(tmp_path: Path) -> Project:
    return prepared(copy_project(tmp_path / "project"))


def running(project: Project, process: "subprocess.Popen[str]", count: int = 1) -> list[FrozenTrial]:
    """Wait until so many trials have reported an epoch and go on; return them."""
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        assert process.poll() is None, process.communicate()[0]
        if study := study_of(project):
            found = [
                trial
                for trial in study.get_trials(deepcopy=False, states=(TrialState.RUNNING,))
                if 1 <= len(trial.intermediate_values) < 24
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
        runs.setdefault(run.data.tags.get(TRIAL, "sweep"), []).append(run.info.status)
    return [trial.user_attrs.get("ended", trial.state.name) for trial in study.trials], runs


def owner(trial: FrozenTrial) -> int:
    found: dict[str, Any] = trial.user_attrs["owner"]
    return int(found["pid"])


@pytest.mark.faults
def test_a_killed_worker_ends_neither_the_others_nor_the_sweep(tiny_project: Project) -> None:
    project = tiny_project
    process = project.start(*SWEEP, *LONG, "hydra.sweeper.n_jobs=2", "hydra.sweeper.n_trials=2")
    victim = running(project, process)[0]
    assert owner(victim) != process.pid
    os.kill(owner(victim), signal.SIGKILL)
    output, _ = process.communicate(timeout=300)
    assert process.returncode == 0, output
    assert "a worker was killed" in output
    assert f"trial {victim.number}: its process died; retrying it" in output
    states, runs = ended(project)
    assert states.count("COMPLETE") == 2, output
    assert set(states) == {"COMPLETE", "killed"}
    assert runs[str(victim.number)] == ["KILLED"]
    assert sorted(status for each in runs.values() for status in each) == ["FINISHED"] * 3 + ["KILLED"] * states.count(
        "killed"
    )


@pytest.mark.faults
def test_killed_with_all_its_workers_the_next_start_finishes(tiny_project: Project) -> None:
    project = tiny_project
    command = (*SWEEP, *LONG, "hydra.sweeper.n_jobs=2", "hydra.sweeper.n_trials=3")
    process = project.start(*command)
    trials = running(project, process, count=2)
    family = [process.pid, *(child.pid for child in psutil.Process(process.pid).children(recursive=True))]
    assert {owner(trial) for trial in trials} <= set(family)
    for pid in family:
        os.kill(pid, signal.SIGKILL)
    process.communicate()
    output = project.run(*command)
    for trial in trials:
        assert f"trial {trial.number}: its process died; retrying it" in output
    states, runs = ended(project)
    assert states.count("COMPLETE") == 3
    assert states.count("killed") == 2
    assert all("RUNNING" not in each for each in runs.values())
    assert runs["sweep"] == ["FINISHED"]


@pytest.mark.faults
def test_workers_end_with_their_parent(tiny_project: Project) -> None:
    project = tiny_project
    process = project.start(*SWEEP, *LONG, "hydra.sweeper.n_jobs=2", "hydra.sweeper.n_trials=50")
    owners = [owner(trial) for trial in running(project, process, count=2)]
    process.kill()
    deadline = time.monotonic() + 60
    while any(psutil.pid_exists(pid) for pid in owners) and time.monotonic() < deadline:
        time.sleep(0.5)
    assert not any(psutil.pid_exists(pid) for pid in owners)
    process.communicate()
    states, _ = ended(project)
    assert "interrupted" in states


@pytest.mark.faults
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
    assert f"trial {trial.number} was interrupted; retrying it" in output
    states, runs = ended(project)
    assert states == ["interrupted", "COMPLETE", "COMPLETE"]
    assert runs["sweep"] == ["FINISHED"]
    log = (project.folder / ".sweeps").glob("*/0-*/log.txt")
    assert "epoch 30/30" in next(log).read_text(encoding="utf-8")  # the repetition went on from the checkpoint
