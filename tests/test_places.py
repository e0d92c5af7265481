"""Unusual places: folders, environments and machines on which a clone may be used."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import ROOT, copy_project

from pipeline.models.backend import load_backend
from pipeline.storage import PipelineError


@pytest.mark.slow
def test_in_an_unusual_place_the_stages_run(tmp_path: Path) -> None:
    """A path with blanks, no git, no home, ASCII, other settings of Keras and MLflow, and no assertions."""
    project = copy_project(tmp_path / "my clone")
    (project.folder / ".git").rename(tmp_path / "git")
    home = tmp_path / "home"
    (home / ".keras").mkdir(parents=True)
    (home / ".keras" / "keras.json").write_text('{"floatx": "float64", "backend": "torch"}', encoding="utf-8")
    environment = {"KERAS_HOME": str(home / ".keras"), "MLFLOW_TRACKING_URI": "http://localhost:1"}
    environment |= {"MLFLOW_RUN_ID": "abc", "LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"}
    kept = {name: value for name, value in project.environment.items() if name != "HOME"}
    for stage in ("fetch", "preprocess", "train", "evaluate"):
        done = subprocess.run(
            [sys.executable, "-O", "-m", f"pipeline.{stage}", "experiment=tiny", "train.epochs=1"],
            cwd=project.folder,
            env=kept | environment,
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            check=False,
        )
        assert done.returncode == 0, done.stderr
    assert (project.folder / "reports" / "metrics.json").is_file()


def test_outside_its_environment_a_command_says_so() -> None:
    # Without the installed packages, as under another interpreter.
    command = [sys.executable, "-S", "-m", "pipeline.train"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.startswith(f"error: {sys.executable} does not have what this project needs")
    assert len(done.stderr.splitlines()) == 1


def test_another_backend_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KERAS_BACKEND", "jax")
    with pytest.raises(PipelineError, match="KERAS_BACKEND=jax: this project computes with tensorflow"):
        load_backend()


def test_a_reader_who_has_seen_enough_is_no_error(tmp_path: Path) -> None:
    (tmp_path / "rows.csv").write_text("a,b\n" + "1,x\n2,y\n" * 200, encoding="utf-8")
    reading, writing = os.pipe()
    command = [sys.executable, "-m", "pipeline.new", "mine", str(tmp_path / "rows.csv")]
    process = subprocess.Popen(command, cwd=ROOT, stdout=writing, stderr=subprocess.PIPE, text=True)
    os.close(writing)
    os.close(reading)
    _, said = process.communicate(timeout=120)
    assert (process.returncode, said) == (141, "")
