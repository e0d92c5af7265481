"""The code of a run: its commit in a temporary worktree of git, with what differed from it."""

import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pipeline.reproduction.errors import RebuildError
from pipeline.storage import PROJECT, remove


@contextmanager
def rebuilt(commit: str, diff: str, *, keep: bool = False) -> Iterator[Path]:
    """Give the project's folder as it was; it is gone after the block, unless it shall be kept.

    Raises:
        RebuildError: The commit is not in this clone, or the changes do not fit it.
    """
    if _git(PROJECT, "cat-file", "-e", f"{commit}^{{commit}}").returncode:
        raise RebuildError(f"commit {commit} is not in this clone; `git fetch` brings it, if it was ever pushed")
    _git(PROJECT, "worktree", "prune")  # of one that was killed
    scratch = Path(tempfile.mkdtemp(prefix="onehot-rebuilt-"))
    place = scratch / "clone"
    try:
        _must(_git(PROJECT, "worktree", "add", "--detach", "--quiet", str(place), commit), "the worktree")
        if diff:
            patch = scratch / "uncommitted.diff"
            patch.write_bytes(diff.encode("utf-8"))
            _must(_git(place, "apply", "--whitespace=nowarn", str(patch)), f"what differed from commit {commit}")
        prefix = _git(PROJECT, "rev-parse", "--show-prefix").stdout.strip()
        yield place / prefix
    finally:
        if keep:
            print(f"kept: {place}; `git worktree remove --force {place}` removes it", flush=True)
        else:
            _git(PROJECT, "worktree", "remove", "--force", str(place))
            remove(scratch)


def _must(done: "subprocess.CompletedProcess[str]", what: str) -> None:
    if done.returncode:
        raise RebuildError(f"{what} cannot be made: {done.stderr.strip()}")


def _git(folder: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(["git", *arguments], cwd=folder, capture_output=True, text=True, check=False)
