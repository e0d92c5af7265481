"""A stage is alone in its folder, ends with its parent, and says why a training begins anew."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
from conftest import ROOT

from pipeline.config.stage import stage
from pipeline.storage import LockError
from pipeline.tasks import explain_new_training

pytestmark = pytest.mark.slow

CHILD = "import time; from pipeline.config.stage import stage\nwith stage('preprocess'):\n    time.sleep(60)"
PARENT = (
    "import subprocess, sys, time\n"
    f"child = subprocess.Popen([sys.executable, '-c', {CHILD!r}])\n"
    "print(child.pid, flush=True)\n"
    "time.sleep(60)\n"
)


@pytest.mark.parametrize("ends", [True, False])
def test_started_by_dvc_it_ends_with_it(workspace: Path, ends: bool) -> None:
    environment = {key: value for key, value in os.environ.items() if key != "DVC_STAGE"}
    environment |= {"PYTHONPATH": str(ROOT)} | ({"DVC_STAGE": "preprocess"} if ends else {})
    with subprocess.Popen([sys.executable, "-c", PARENT], env=environment, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        child = psutil.Process(int(parent.stdout.readline()))
        lock = workspace / ".checkpoints" / "stages" / "preprocess" / "lock"
        deadline = time.monotonic() + 30
        while not (lock.is_file() and lock.read_text()) and time.monotonic() < deadline:
            time.sleep(0.05)
        assert child.is_running()
        parent.kill()
    try:
        child.wait(timeout=10 if ends else 1.5)
        gone = True
    except psutil.TimeoutExpired:
        gone = False
        child.kill()
    assert gone is ends


def test_a_second_of_its_name_is_refused(workspace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipeline.config.stage.GRACE_SECONDS", 0.1)
    with stage("train"):
        with stage("evaluate"):
            pass
        with pytest.raises(LockError, match=f"in use by process {os.getpid()}, which runs stage train"), stage("train"):
            pass
    with stage("train"):
        pass


def kept(folder: Path, name: str, age: float = 0.0, **of: object) -> None:
    folder.mkdir(parents=True)
    (folder / "key.json").write_text(json.dumps({"name": name, "store": "", "inputs": of}))
    (folder / "000001-000000000.npz").write_bytes(b"")
    os.utime(folder / "000001-000000000.npz", (time.time() - age,) * 2)


def test_what_differs_from_the_last_training_is_told(tmp_path: Path) -> None:
    wanted = {"data": "a", "train.batch_size": 64, "seed": 1, "code of models": "x"}
    mine = tmp_path / "mine"
    assert explain_new_training(mine, "tiny", wanted) is None
    kept(mine, "tiny", **wanted)
    kept(tmp_path / "foreign", "another", **{**wanted, "data": "b"})
    assert explain_new_training(mine, "tiny", wanted) is None
    kept(tmp_path / "older", "tiny", age=100, **{**wanted, "seed": 2})
    kept(tmp_path / "newer", "tiny", **{**wanted, "train.batch_size": 32, "code of models": "y"})
    told = explain_new_training(mine, "tiny", wanted)
    assert told is not None
    assert told.endswith("newer differ in train.batch_size (32 there, 64 now), code of models")
