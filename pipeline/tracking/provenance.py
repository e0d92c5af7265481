"""The provenance of a result: commit, uncommitted changes, environment, machine."""

import importlib.metadata
import os
import platform
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

from pipeline.storage import PROJECT, THREADS, processors

REWRITTEN = ("dvc.lock", "params.yaml", ".gitignore", "**/.gitignore")
"""Files that DVC itself changes during a run; they do not count as uncommitted changes."""
SOURCE_SUFFIXES = (".py", ".yaml", ".yml", ".toml", ".sh")
"""Untracked files that belong to the code. Data is known by its hash, and other files are nobody's business."""


@dataclass(frozen=True)
class Commit:
    """The state of the code: the commit and the uncommitted changes, None if git could not compute them."""

    commit: str
    diff: str | None

    @property
    def dirty(self) -> bool:
        """Whether the code differs from the commit, or may differ."""
        return self.diff != ""


def commit(folder: Path = PROJECT) -> Commit | None:
    """Return the state of the git checkout; None if there is no checkout, or no commit yet."""
    try:
        head = _git(folder, "rev-parse", "HEAD").strip()
    except (OSError, subprocess.CalledProcessError):
        return None
    try:
        return Commit(head, _diff(folder))
    except (OSError, subprocess.CalledProcessError):  # for example no space for an index, or a missing filter
        return Commit(head, None)


def environment() -> str:
    """Return one line per installed distribution, `name==version`, after a comment with Python and platform."""
    # Each call of `metadata` parses the file again.
    described = (distribution.metadata for distribution in importlib.metadata.distributions())
    installed = {f"{facts['Name']}=={facts['Version']}" for facts in described if facts["Name"]}
    return "\n".join([f"# Python {platform.python_version()} on {platform.platform()}", *sorted(installed)]) + "\n"


def machine() -> dict[str, str]:
    """Return the properties of the machine that the last bits of a score may depend on, by name."""
    threads = {name: os.environ[name] for name in THREADS if name in os.environ}
    return threads | {
        "python": platform.python_version(),
        "platform": platform.platform(),
        "processors": str(processors()),
    }


def _diff(folder: Path) -> str:
    # A temporary index declares the untracked files (-N writes no objects) and leaves the user's index untouched.
    with tempfile.TemporaryDirectory() as scratch:
        index = {"GIT_INDEX_FILE": str(Path(scratch) / "index")}
        _git(folder, "read-tree", "HEAD", env=index)
        others = _git(folder, "ls-files", "--others", "--exclude-standard", "-z", env=index).split("\0")
        untracked = [name for name in others if name.endswith(SOURCE_SUFFIXES)]
        if untracked:
            _git(folder, "add", "--intent-to-add", "--", *untracked, env=index)
        excluded = [f":(exclude,glob){pattern}" for pattern in REWRITTEN]
        plain = ("--binary", "--no-color", "--no-ext-diff", "--src-prefix=a/", "--dst-prefix=b/")
        return _git(folder, "diff", *plain, "HEAD", "--", ".", *excluded, env=index)


def _git(folder: Path, *arguments: str, env: dict[str, str] | None = None) -> str:
    result = subprocess.run(
        ["git", *arguments], cwd=folder, env={**os.environ, **(env or {})}, capture_output=True, check=True
    )
    return result.stdout.decode("utf-8", errors="replace")
