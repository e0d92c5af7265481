"""What exactly produced a number: commit, uncommitted changes, environment."""

import importlib.metadata
import os
import platform
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

from pipeline.storage import PROJECT, THREADS, processors

REWRITTEN = ("dvc.lock", "params.yaml", ".gitignore", "**/.gitignore")
"""What DVC itself changes during a run: no sign of unfinished work."""
SOURCE_SUFFIXES = (".py", ".yaml", ".yml", ".toml", ".sh")
"""Untracked files that belong to the code. Data is known by its hash, and other files are nobody's business."""


@dataclass(frozen=True)
class Commit:
    """The state of the code: commit, and what differs from it; None where git could not say."""

    commit: str
    diff: str | None

    @property
    def dirty(self) -> bool:
        """Whether the code differs from the commit, or may."""
        return self.diff != ""


def commit(folder: Path = PROJECT) -> Commit | None:
    """Read the state of the git checkout; None where there is none, or no commit yet."""
    try:
        head = _git(folder, "rev-parse", "HEAD").strip()
    except (OSError, subprocess.CalledProcessError):
        return None
    try:
        return Commit(head, _diff(folder))
    except (OSError, subprocess.CalledProcessError):  # no room for an index, a filter that is missing
        return Commit(head, None)


def environment() -> str:
    """Return a line for each installed distribution, `name==version`."""
    installed = {f"{d.metadata['Name']}=={d.version}" for d in importlib.metadata.distributions() if d.metadata["Name"]}
    return "\n".join([f"# Python {platform.python_version()} on {platform.platform()}", *sorted(installed)]) + "\n"


def machine() -> dict[str, str]:
    """Return what a score's last bits may hang on."""
    threads = {name: os.environ[name] for name in THREADS if name in os.environ}
    return threads | {
        "python": platform.python_version(),
        "platform": platform.platform(),
        "processors": str(processors()),
    }


def _diff(folder: Path) -> str:
    # In an index of its own: untracked files are declared there (-N writes no objects), the user's stays untouched.
    with tempfile.TemporaryDirectory() as scratch:
        index = {"GIT_INDEX_FILE": str(Path(scratch) / "index")}
        _git(folder, "read-tree", "HEAD", env=index)
        listed = _git(folder, "ls-files", "--others", "--exclude-standard", "-z", env=index).split("\0")
        untracked = [name for name in listed if name.endswith(SOURCE_SUFFIXES)]
        if untracked:
            _git(folder, "add", "--intent-to-add", "--", *untracked, env=index)
        excluded = [f":(exclude,glob){pattern}" for pattern in REWRITTEN]
        plain = ("--binary", "--no-color", "--no-ext-diff", "--src-prefix=a/", "--dst-prefix=b/")
        return _git(folder, "diff", *plain, "HEAD", "--", ".", *excluded, env=index)


def _git(folder: Path, *arguments: str, env: dict[str, str] | None = None) -> str:
    done = subprocess.run(
        ["git", *arguments], cwd=folder, env={**os.environ, **(env or {})}, capture_output=True, check=True
    )
    return done.stdout.decode("utf-8", errors="replace")
