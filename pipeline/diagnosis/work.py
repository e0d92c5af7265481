"""Checks for files of crashed runs, and for enough disk and memory."""

import shutil
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import psutil

from pipeline.diagnosis.finding import Finding, ok, warning
from pipeline.reproduction.worktree import abandoned, remove_worktree
from pipeline.storage import FolderLock, LockError, half_written, remove, root, written

LITTLE_DISK, LITTLE_MEMORY = 5 * 2**30, 2 * 2**30
LARGE = (".dvc/cache", ".checkpoints", ".sweeps", "mlartifacts")


def leftovers() -> Iterator[Finding]:
    """Look for half-written files, and for trainings that are running."""
    halves = list(half_written([*written(), root() / ".checkpoints" / "journal"]))
    if halves:
        yield warning(
            f"{len(halves)} half-written files or folders of ended processes ({halves[0]})",
            "delete them; they are not used",
            partial(_remove_all, halves),
        )
    for rebuilt in abandoned():
        yield warning(
            f"{rebuilt}: a git worktree of a reproduction that was killed",
            "remove it; the reproduction can be started again",
            partial(remove_worktree, rebuilt),
        )
    for folder in sorted((root() / ".checkpoints").glob("*/")):
        lock = folder / "lock"
        if lock.is_file() and (owner := _owner(lock)) and any(folder.rglob("*.npz")):
            yield ok(f"{folder.name}: process {owner} is training here")
    if not halves:
        yield ok("no half-written files of ended processes")


def room() -> Iterator[Finding]:
    """Check the free disk space and memory."""
    free, memory = shutil.disk_usage(root()).free, psutil.virtual_memory().available
    if free < LITTLE_DISK:
        sizes = ", ".join(f"{name} {size(root() / name) / 2**30:.1f} GB" for name in LARGE if (root() / name).is_dir())
        yield warning(
            f"{free / 2**30:.1f} GB of disk are free" + (f"; here: {sizes}" if sizes else ""),
            "`python -m pipeline.runs gc` lists unreferenced files; `dvc gc -w` clears DVC's cache except for "
            "this workspace",
        )
    else:
        yield ok(f"{free / 2**30:.0f} GB of disk are free")
    if memory < LITTLE_MEMORY:
        yield warning(f"{memory / 2**30:.1f} GB of memory are free", "training may need more; end other programs")
    else:
        yield ok(f"{memory / 2**30:.0f} GB of memory are free")


def size(folder: Path) -> int:
    """Return the total size of the files in a folder, in bytes."""
    return sum(path.lstat().st_size for path in folder.rglob("*") if path.is_file())


def _owner(lock: Path) -> int | None:
    """Return the id of the process that holds a lock; None if no process does."""
    try:
        with FolderLock(lock.parent, "checks this folder", wait_seconds=0):
            return None
    except LockError:
        text = lock.read_text(encoding="utf-8").strip()
        return int(text) if text.isdigit() else None


def _remove_all(paths: list[Path]) -> None:
    for path in paths:
        remove(path)
