"""The code of a run: its commit in a temporary git worktree, with its uncommitted changes."""

import os
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

from pipeline.reproduction.errors import RebuildError
from pipeline.storage import PROJECT, remove

PREFIX = "onehot-rebuilt-"
"""Start of the names of the folders of reproductions; the process id follows."""
CLONE = "clone"
KEPT = "kept"
"""A file in the folder of a reproduction that its user keeps."""


def abandoned() -> list[Path]:
    """Return the folders of this project's reproductions that were killed."""
    listed = _git(PROJECT, "worktree", "list", "--porcelain").stdout
    folders = [
        Path(line.removeprefix("worktree ")).parent for line in listed.splitlines() if line.startswith("worktree ")
    ]
    return [folder for folder in folders if folder.name.startswith(PREFIX) and not _is_in_use(folder)]


def remove_worktree(folder: Path) -> None:
    """Remove the folder of a reproduction, and git's knowledge of it."""
    _git(PROJECT, "worktree", "remove", "--force", str(folder / CLONE))
    remove(folder)
    _git(PROJECT, "worktree", "prune")


def _is_in_use(folder: Path) -> bool:
    pid = folder.name.removeprefix(PREFIX).partition("-")[0]
    return (folder / KEPT).exists() or (pid.isdigit() and psutil.pid_exists(int(pid)))


@contextmanager
def rebuilt(commit: str, diff: str, *, keep: bool = False) -> Iterator[Path]:
    """Yield the folder of the project as it was; it is removed after the block.

    Args:
        commit: The commit of the run.
        diff: Its uncommitted changes; empty if there were none.
        keep: Whether to keep the folder after the block.

    Raises:
        RebuildError: The commit is not in this clone, or the changes do not apply to it.
    """
    if _git(PROJECT, "cat-file", "-e", f"{commit}^{{commit}}").returncode:
        raise RebuildError(f"commit {commit} is not in this clone; `git fetch` gets it, if it was pushed")
    _git(PROJECT, "worktree", "prune")  # forgets worktrees of reproductions that were killed
    scratch = Path(tempfile.mkdtemp(prefix=f"{PREFIX}{os.getpid()}-"))
    worktree = scratch / CLONE
    try:
        _must(_git(PROJECT, "worktree", "add", "--detach", "--quiet", str(worktree), commit), "create a worktree")
        if diff:
            patch = scratch / "uncommitted.diff"
            patch.write_bytes(diff.encode("utf-8"))
            _must(
                _git(worktree, "apply", "--whitespace=nowarn", str(patch)), f"apply the uncommitted changes to {commit}"
            )
        prefix = _git(PROJECT, "rev-parse", "--show-prefix").stdout.strip()
        yield worktree / prefix
    finally:
        if keep:
            (scratch / KEPT).touch()
            print(f"kept: {worktree}; `git worktree remove --force {worktree}` removes it", flush=True)
        else:
            remove_worktree(scratch)


def _must(done: "subprocess.CompletedProcess[str]", what: str) -> None:
    if done.returncode:
        raise RebuildError(f"git could not {what}: {done.stderr.strip()}")


def _git(folder: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(["git", *arguments], cwd=folder, capture_output=True, text=True, check=False)
