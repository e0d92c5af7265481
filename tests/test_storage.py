"""Whole or not at all; one at a time; hashed as DVC hashes."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from pipeline.storage import FolderLock, LockError, digest, folder_digest, new_folder, write_bytes


def test_a_failed_write_keeps_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_bytes(tmp_path / "a", b"old")
    monkeypatch.setattr("os.fsync", lambda _handle: (_ for _ in ()).throw(OSError("disk full")))
    with pytest.raises(OSError, match="disk full"):
        write_bytes(tmp_path / "a", b"new")
    assert [(p.name, p.read_bytes()) for p in tmp_path.iterdir()] == [("a", b"old")]


def test_a_failed_folder_keeps_the_old_one(tmp_path: Path) -> None:
    with new_folder(tmp_path / "out") as scratch:
        (scratch / "a").write_text("old")
    with pytest.raises(ValueError, match="half way"), new_folder(tmp_path / "out") as scratch:
        (scratch / "b").write_text("new")
        raise ValueError("half way")
    assert [p.name for p in tmp_path.iterdir()] == ["out"]
    assert [p.name for p in (tmp_path / "out").iterdir()] == ["a"]


def test_leftovers_of_dead_processes_go(tmp_path: Path) -> None:
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    (tmp_path / f".out.{ended.pid}.partial").mkdir()
    (tmp_path / f".out.{os.getpid()}.partial").mkdir()  # an earlier process of the same number
    (tmp_path / ".out.1.partial").mkdir()  # process 1 lives
    with new_folder(tmp_path / "out"):
        pass
    assert sorted(p.name for p in tmp_path.iterdir()) == [".out.1.partial", "out"]


def test_a_locked_folder_names_its_owner(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from pipeline.storage import FolderLock\n"
        f"with FolderLock(Path({str(tmp_path)!r}), 'trains'):\n"
        "    print('held', flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as owner:
        assert owner.stdout is not None
        assert owner.stdout.readline() == "held\n"
        with pytest.raises(LockError, match=f"in use by process {owner.pid}, which trains"):
            FolderLock(tmp_path, "trains", wait_seconds=0.3).__enter__()
        owner.kill()
        owner.wait()
        with FolderLock(tmp_path, "trains", wait_seconds=5):
            pass


def test_folders_are_hashed_as_dvc_hashes_them(tmp_path: Path) -> None:
    from dvc_data.hashfile.build import build
    from dvc_data.hashfile.db import HashFileDB
    from dvc_objects.fs.local import LocalFileSystem

    folder = tmp_path / "data"
    for name in ("b/z.txt", "b-c/y.txt", "a.txt", "b/ä.txt"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(name, encoding="utf-8")
    files = LocalFileSystem()
    _, _, tree = build(HashFileDB(files, str(tmp_path / "cache")), str(folder), files, "md5")
    assert folder_digest(folder) == tree.hash_info.value


def test_digests_hang_on_content() -> None:
    assert digest({"a": 1, "b": 2}) == digest({"b": 2, "a": 1}) != digest({"a": 2, "b": 1})
