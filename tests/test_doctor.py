"""Every finding names its remedy; what can be mended without loss is."""

import json
import os
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from tiny import tiny

from pipeline.config import dump
from pipeline.diagnosis import Finding, dvc_files
from pipeline.diagnosis.environment import differing, threads
from pipeline.diagnosis.record import databases
from pipeline.diagnosis.settings import prepared, settings
from pipeline.diagnosis.work import leftovers, room

STAGES = {"train": {"cmd": "python -m pipeline.train", "outs": []}}


def found(check: object, state: str) -> list[Finding]:
    return [each for each in check() if each.state == state]  # type: ignore[operator]


def test_a_whole_lock_file_is_well(workspace: Path) -> None:
    assert [each.text for each in dvc_files()] == ["dvc.lock: none yet; `dvc repro` writes it"]
    (workspace / "dvc.lock").write_text(yaml.safe_dump({"schema": "2.0", "stages": STAGES}))
    assert [each.state for each in dvc_files()] == ["ok"]


@pytest.mark.parametrize("content", ["", "\0\0", "schema: '2.0'\nstages:\n  train:\n    outs: [", "- 1"])
def test_a_damaged_lock_file_is_mended(workspace: Path, content: str) -> None:
    lock = workspace / "dvc.lock"
    lock.write_text(content)
    (fault,) = found(dvc_files, "fault")
    assert "run cache" in fault.remedy
    assert fault.mend is not None
    fault.mend()
    assert not lock.exists()
    assert (workspace / "dvc.lock.damaged").read_text() == content


def test_a_merge_is_the_users_to_settle(workspace: Path) -> None:
    (workspace / "dvc.lock").write_text("schema: '2.0'\n<<<<<<< ours\nstages: {}\n=======\n>>>>>>> theirs\n")
    (fault,) = found(dvc_files, "fault")
    assert "unresolved merge conflict" in fault.text
    assert fault.mend is None


def test_notes_of_processes_and_empty_objects_are_mended(workspace: Path) -> None:
    notes = workspace / ".dvc" / "tmp" / "rwlock"
    notes.parent.mkdir(parents=True)
    notes.write_text('{"write": {')
    objects = workspace / ".dvc" / "cache" / "files" / "md5"
    good = "9d/d4e461268c8034f5c8564e155c67a6"  # md5 of x
    files = {"aa/bb": b"", "cc/dd": b"half", good: b"x", "d4/1d8cd98f00b204e9800998ecf8427e": b""}
    for name, content in files.items():
        (objects / name).parent.mkdir(parents=True)
        (objects / name).write_bytes(content)
    run = workspace / ".dvc" / "cache" / "runs" / "ab" / "abcd" / "ef"
    run.parent.mkdir(parents=True)
    run.write_text("cmd: python\n: [")
    (run.parents[1] / "empty").mkdir()
    for fault in found(dvc_files, "fault"):
        assert fault.mend is not None
        fault.mend()
    assert not notes.exists()
    assert not list(run.parents[1].iterdir()), "DVC stumbles over empty folders there"
    left = [f"{path.parent.name}/{path.name}" for path in objects.rglob("*") if path.is_file()]
    assert sorted(left) == [good, "d4/1d8cd98f00b204e9800998ecf8427e"]
    notes.write_text(json.dumps({"write": {"models": {"pid": os.getpid(), "cmd": "dvc repro"}}, "read": {}}))
    assert f"dvc runs as process {os.getpid()}" in found(dvc_files, "warning")[0].text


def test_other_versions_than_locked_are_named(tmp_path: Path) -> None:
    import numpy

    lock = tmp_path / "lock"
    lock.write_text(
        f"numpy=={numpy.__version__} \\\n    --hash=sha256:00\nkeras==0.0.1 ; python_version > '3' \\\n"
        "no-such-package==1.0 \\\nno-such-system==1.0 ; sys_platform == 'none'\n"
    )
    import keras

    assert list(differing(lock)) == [("keras", "0.0.1", keras.__version__), ("no-such-package", "1.0", None)]


def test_more_threads_than_processors_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "4096")
    assert "4096 threads" in found(threads, "warning")[0].text
    monkeypatch.setenv("OMP_NUM_THREADS", "many")
    assert "OMP_NUM_THREADS=many: not a number" in found(threads, "fault")[0].text
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    assert found(threads, "fault") == []


def test_a_changed_params_file_and_foreign_data_are_named(workspace: Path) -> None:
    assert "no such file" in found(settings, "warning")[0].text
    assert found(prepared, "fault") != []
    (workspace / "params.yaml").write_text(dump(tiny()))
    for folder in ("data/processed", "models"):
        (workspace / folder).mkdir(parents=True)
        content = {"task": "table", "prepared": tiny(data__split_seed=9).tree["data"]}
        (workspace / folder / "schema.json").write_text(json.dumps(content))
    assert len(found(prepared, "warning")) == 2
    (workspace / "models" / "schema.json").write_text("{")
    assert "`dvc repro -f -s train` writes it again" in found(prepared, "fault")[0].remedy


def test_a_damaged_or_open_database_is_named(workspace: Path) -> None:
    path = workspace / "mlflow.db"
    with sqlite3.connect(path) as database:
        database.execute("CREATE TABLE a (b TEXT)")
        database.executemany("INSERT INTO a VALUES (?)", [("x" * 500,)] * 200)
    database.close()
    path.chmod(0o644)
    (warning,) = found(databases, "warning")
    assert warning.mend is not None
    warning.mend()
    assert path.stat().st_mode & 0o77 == 0
    content = path.read_bytes()
    path.write_bytes(content[:5000] + b"\xff" * 20_000 + content[25_000:])
    assert "mlflow.db: damaged" in found(databases, "fault")[0].text


INTERRUPTED = """
import os, sqlite3, sys
database = sqlite3.connect(sys.argv[1], isolation_level=None)
database.execute("PRAGMA cache_size = 1")
database.execute("BEGIN")
database.executemany("INSERT INTO a VALUES (?)", [("y" * 500,)] * 2000)
os._exit(9)
"""


def test_a_database_whose_writer_was_killed_is_whole(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    clone = tmp_path_factory.mktemp("50%20 a#b")
    monkeypatch.setenv("DVC_ROOT", str(clone))
    path = clone / "mlflow.db"
    with sqlite3.connect(path) as database:
        database.execute("CREATE TABLE a (b TEXT)")
    database.close()
    path.chmod(0o600)
    subprocess.run([sys.executable, "-c", INTERRUPTED, str(path)], check=False)
    assert Path(f"{path}-journal").stat().st_size > 0
    assert [(each.state, each.text) for each in databases()] == [("ok", "mlflow.db: intact")]


def test_what_dvc_is_writing_is_let_be(workspace: Path) -> None:
    (objects := workspace / ".dvc" / "cache" / "files" / "md5" / "aa").mkdir(parents=True)
    (objects / ".abc.tmp").write_bytes(b"")
    assert found(dvc_files, "fault") == []
    (objects / "bb").write_bytes(b"")
    code = "import time; print(flush=True); time.sleep(60)"
    running = subprocess.Popen([sys.executable, "-c", code, "dvc"], cwd=workspace, stdout=subprocess.PIPE)
    try:
        assert running.stdout is not None
        running.stdout.readline()
        (busy,) = found(dvc_files, "warning")
        assert f"process {running.pid}, dvc, may be writing" in busy.text
        assert busy.mend is None
    finally:
        running.kill()
        running.communicate()
    assert found(dvc_files, "fault")[0].mend is not None


def test_half_written_files_of_ended_processes_go(workspace: Path) -> None:
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    half = workspace / f".models.{ended.pid}.partial"
    half.mkdir()
    os.utime(half, (1, 1))
    (warning,) = found(leftovers, "warning")
    assert warning.mend is not None
    warning.mend()
    assert [each.text for each in leftovers()] == ["no half-written files of ended processes"]
    assert len(list(room())) == 2
