"""The code of a run: its commit in a temporary git worktree, with its uncommitted changes."""

import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pipeline.reproduction.errors import RebuildError
from pipeline.storage import PROJECT, remove


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
    scratch = Path(tempfile.mkdtemp(prefix="onehot-rebuilt-"))
    worktree = scratch / "clone"
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
            print(f"kept: {worktree}; `git worktree remove --force {worktree}` removes it", flush=True)
        else:
            _git(PROJECT, "worktree", "remove", "--force", str(worktree))
            remove(scratch)


def _must(done: "subprocess.CompletedProcess[str]", what: str) -> None:
    if done.returncode:
        raise RebuildError(f"git could not {what}: {done.stderr.strip()}")


def _git(folder: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(["git", *arguments], cwd=folder, capture_output=True, text=True, check=False)
