"""Atomic writes: files and folders appear whole or not at all, even after `kill -9` or a power cut."""

import csv
import io
import json
import os
import shutil
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO

FORMULAS = ("=", "+", "-", "@", "\t", "\r")
"""First characters of cells that spreadsheets take as formulas."""
LEFTOVER_SECONDS = 600.0
"""The age at which a half-written file counts as left behind, because its process may not be visible from here."""


@contextmanager
def new_file(path: Path) -> Iterator[BinaryIO]:
    """Yield a stream whose content replaces `path` if the block succeeds; it is discarded if the block fails."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        with partial.open("wb") as stream:
            yield stream
            stream.flush()
            os.fsync(stream.fileno())
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
    _sync_folder(path.parent)


def private_folder(path: Path) -> Path:
    """Create a folder that other users of the machine cannot read, or make an existing one private; return it."""
    path.mkdir(parents=True, exist_ok=True)
    if path.stat().st_uid == os.getuid():
        path.chmod(0o700)
    return path


def private_file(path: Path) -> Path:
    """Create an empty file that other users of the machine cannot read, or make an existing one private; return it."""
    os.close(os.open(path, os.O_CREAT | os.O_RDONLY, 0o600))
    if path.stat().st_uid == os.getuid():
        path.chmod(0o600)
    return path


def write_bytes(path: Path, content: bytes) -> None:
    """Write `content` to `path` atomically: readers see the old file or the new one, never a part of it."""
    with new_file(path) as stream:
        stream.write(content)


def write_text(path: Path, content: str) -> None:
    """Write text as UTF-8, atomically."""
    write_bytes(path, content.encode())


def csv_text(header: Iterable[Any], rows: Iterable[Iterable[Any]]) -> str:
    """Return a table as CSV, with the same line endings on every system, and without formulas; see `no_formula`."""
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerows([map(no_formula, row) for row in [header, *rows]])
    return stream.getvalue()


def no_formula(cell: Any) -> Any:
    """Return a cell of a CSV file, with an apostrophe before a text that a spreadsheet would take as a formula."""
    if not isinstance(cell, str) or not cell.startswith(FORMULAS):
        return cell
    try:
        float(cell)
    except ValueError:
        return f"'{cell}"
    return cell


def write_json(path: Path, content: Any) -> None:
    """Write JSON atomically; it is indented and keeps the order of keys, for readers and for byte-wise comparison."""
    write_text(path, json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False) + "\n")


def read_json(path: Path) -> Any:
    """Read a JSON file."""
    return json.loads(path.read_text(encoding="utf-8"))


@contextmanager
def new_folder(path: Path) -> Iterator[Path]:
    """Yield a scratch folder that replaces `path` if the block succeeds; it is deleted if the block fails."""
    path.parent.mkdir(parents=True, exist_ok=True)
    _sweep_leftovers(path)
    scratch = path.with_name(f".{path.name}.{os.getpid()}.partial")
    scratch.mkdir()
    try:
        yield scratch
        _sync_files(scratch)
        _replace_folder(scratch, path)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def _replace_folder(scratch: Path, path: Path) -> None:
    # A folder cannot be replaced in one step; the old one is renamed first, so that no mixture is ever visible.
    old = path.with_name(f".{path.name}.{os.getpid()}.old")
    if path.exists():
        path.rename(old)
    scratch.rename(path)
    shutil.rmtree(old, ignore_errors=True)
    _sync_folder(path.parent)


def is_leftover(path: Path) -> bool:
    """Return whether a file or folder was left unfinished by `new_file` or `new_folder` of an ended process."""
    name, pid, kind = ("", "", *path.name.rsplit(".", 2))[-3:]
    if not name or not pid.isdigit() or kind not in ("partial", "old"):
        return False
    # A leftover with the id of this process is from an earlier process: ids repeat in containers.
    return int(pid) == os.getpid() or not _alive(int(pid))


def half_written(folders: Iterable[Path]) -> Iterator[Path]:
    """Yield the files and folders that ended processes left unfinished in some folders.

    New ones are left out, because a process elsewhere may be writing them.
    """
    for folder in folders:
        for path in folder.glob(".*"):
            with suppress(FileNotFoundError):
                if is_leftover(path) and time.time() - path.lstat().st_mtime > LEFTOVER_SECONDS:
                    yield path


def link_or_copy(source: str, target: str) -> None:
    """Create a hard link to a file, or a copy if the target is on another file system."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)


def remove(path: Path) -> None:
    """Remove a file, or a folder with its content."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def _sweep_leftovers(path: Path) -> None:
    for leftover in path.parent.glob(f".{path.name}.*"):
        if leftover.name.rsplit(".", 2)[0] == f".{path.name}" and is_leftover(leftover):
            shutil.rmtree(leftover, ignore_errors=True)


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def sync_file(path: Path) -> None:
    """Sync a file to the disk, so that it survives a power cut."""
    with path.open("rb") as stream:
        os.fsync(stream.fileno())


def _sync_files(folder: Path) -> None:
    for path in folder.rglob("*"):
        if path.is_file():
            sync_file(path)
        else:
            _sync_folder(path)
    _sync_folder(folder)


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
