"""Real kills in a copy of this project: nothing is lost, nothing is doubled."""

import os
import re
import shutil
import signal
import time
from pathlib import Path

import pytest
from conftest import Project, copy_project, write_tiny
from record import content, history, runs

pytestmark = pytest.mark.slow

LONG = ("train.batch_size=4", "train.epochs=2", "train.checkpoint_minutes=0.005")


@pytest.fixture(scope="module")
def long_training(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A copy whose epochs take seconds, so that a kill finds the middle of one."""
    project = copy_project(tmp_path_factory.mktemp("long"))
    write_tiny(project.folder / "data" / "own", rows=20_000)
    project.run("python", "-m", "pipeline.compose", "experiment=tiny", *LONG)
    project.run("dvc", "repro", "preprocess")
    return project


@pytest.fixture(scope="module")
def whole(long_training: Project) -> dict[str, bytes]:
    """What an unbroken training writes."""
    long_training.run("python", "-m", "pipeline.train", "experiment=tiny", *LONG)
    return content(long_training.folder / "models")


@pytest.fixture
def project(long_training: Project, whole: dict[str, bytes]) -> Project:
    """The copy as if it had never trained."""
    folder = long_training.folder
    for left in ("models", ".checkpoints", "reports/run.json", "mlflow.db"):
        path = folder / left
        shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
    return long_training


def process_of(project: Project) -> int:
    (lock,) = (path for path in (project.folder / ".checkpoints").glob("*/lock") if path.parent.name != "store")
    return int(lock.read_text())


def wait_for_checkpoint_within_an_epoch(project: Project) -> None:
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        if any(not path.stem.endswith("-000000000") for path in (project.folder / ".checkpoints").glob("*/*.npz")):
            return
        time.sleep(0.02)
    raise AssertionError("no checkpoint within an epoch")


def test_killed_in_an_epoch_it_ends_with_the_same_bits(project: Project, whole: dict[str, bytes]) -> None:
    process = project.start("dvc", "repro")
    wait_for_checkpoint_within_an_epoch(project)
    killed = process_of(project)
    os.kill(killed, signal.SIGKILL)
    output, _ = process.communicate(timeout=60)
    assert process.returncode != 0
    assert "epoch 2/2" not in output
    assert not (project.folder / "models").exists(), "the kill came too late"
    (run,) = runs(project)
    assert run.info.status == "RUNNING"

    output = project.run("dvc", "repro", "evaluate")
    assert re.search(rf"resuming run {run.info.run_id} at epoch [12]/2", output)
    assert content(project.folder / "models") == whole
    (finished,) = runs(project)
    assert (finished.info.run_id, finished.info.status) == (run.info.run_id, "FINISHED")
    for metric in ("train/loss", "val/auc", "val/log_loss"):
        assert [step for step, _ in history(project, finished, metric)] == [1, 2]
    assert "test/auc" in finished.data.metrics


def test_when_dvc_alone_is_killed_its_stage_ends_and_the_next_goes_on(
    project: Project, whole: dict[str, bytes]
) -> None:
    first = project.start("dvc", "repro", "-f", "-s", "train")
    wait_for_checkpoint_within_an_epoch(project)
    orphan = process_of(project)
    first.kill()
    first.wait()
    assert Path(f"/proc/{orphan}").exists() or not Path("/proc").exists(), "the stage ended before the kill"
    output = project.run("dvc", "repro", "-f", "-s", "train")
    assert first.stdout is not None
    left = first.stdout.read()
    first.stdout.close()
    assert "the process that started this one has ended" in left
    assert "resuming run" in output
    assert content(project.folder / "models") == whole
    (run,) = runs(project)
    assert [step for step, _ in history(project, run, "val/auc")] == [1, 2]
