"""What crashed runs left, and room for new ones."""

import shutil
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import psutil

from pipeline.diagnosis.finding import Finding, ok, warning
from pipeline.storage import FolderLock, LockError, half_written, remove, root, written

LITTLE_DISK, LITTLE_MEMORY = 5 * 2**30, 2 * 2**30
LARGE = (".dvc/cache", ".checkpoints", ".sweeps", "mlartifacts")


def leftovers() -> Iterator[Finding]:
    """Look for half-written files, and for trainings that can go on."""
    halves = list(half_written([*written(), root() / ".checkpoints" / "journal"]))
    if halves:
        yield warning(
            f"{len(halves)} half-written files or folders of ended processes ({halves[0]})",
            "delete them; nothing reads them",
            partial(_remove_all, halves),
        )
    for folder in sorted((root() / ".checkpoints").glob("*/")):
        lock = folder / "lock"
        if lock.is_file() and (owner := _owner(lock)) and any(folder.rglob("*.npz")):
            yield ok(f"{folder.name}: process {owner} trains here now")
    if not halves:
        yield ok("no half-written files of ended processes")


def room() -> Iterator[Finding]:
    """Look at disk and memory."""
    free, memory = shutil.disk_usage(root()).free, psutil.virtual_memory().available
    if free < LITTLE_DISK:
        sizes = ", ".join(f"{name} {size(root() / name) / 2**30:.1f} GB" for name in LARGE if (root() / name).is_dir())
        yield warning(
            f"{free / 2**30:.1f} GB of the disk are free" + (f"; here: {sizes}" if sizes else ""),
            "`python -m pipeline.runs gc` lists what may go; `dvc gc -w` empties DVC's cache but for this workspace",
        )
    else:
        yield ok(f"{free / 2**30:.0f} GB of the disk are free")
    if memory < LITTLE_MEMORY:
        yield warning(f"{memory / 2**30:.1f} GB of memory are free", "a training may need more; end other programs")
    else:
        yield ok(f"{memory / 2**30:.0f} GB of memory are free")


def size(folder: Path) -> int:
    """Return how many bytes the files of a folder have."""
    return sum(path.lstat().st_size for path in folder.rglob("*") if path.is_file())


def _owner(lock: Path) -> int | None:
    """Return the process that holds a lock; None where nobody does."""
    try:
        with FolderLock(lock.parent, "looks around", wait_seconds=0):
            return None
    except LockError:
        text = lock.read_text(encoding="utf-8").strip()
        return int(text) if text.isdigit() else None


def _remove_all(paths: list[Path]) -> None:
    for path in paths:
        remove(path)
