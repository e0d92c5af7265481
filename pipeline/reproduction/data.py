"""The data of a run: taken from DVC's cache or remote by their hash, or created again and compared with the hash."""

import configparser
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

import yaml

from pipeline.reproduction.errors import RebuildError
from pipeline.storage import PROCESSED, RAW, folder_digest, root

Stage = Callable[[str], None]
STAGE_OF = {RAW: "fetch", PROCESSED: "preprocess"}


def bring_data(project: Path, wanted: Mapping[str, str], own: str, stage: Stage) -> list[str]:
    """Put raw and prepared data into a project; return one line per folder that says where they came from.

    Args:
        project: The folder of the project.
        wanted: The hashes of the data, by the name of their folder.
        own: The folder of the user's own files, relative to the project.
        stage: A function that runs a stage of the project.

    Raises:
        RebuildError: DVC does not have the data, and they cannot be created again.
    """
    original, copy = Path.cwd() / own, project / own
    if original.is_dir() and copy.resolve().is_relative_to(project.resolve()):
        # The user's files are not part of the commit; the data created from them are checked by their hash.
        shutil.copytree(original, copy, dirs_exist_ok=True)
    lines = []
    for folder, name in STAGE_OF.items():
        digest = wanted.get(folder.name)
        if digest is None:
            raise RebuildError(
                f"the run does not record which {folder} it used: it comes from an older version of the pipeline"
            )
        why_not = from_dvc(digest, project / folder)
        if why_not is None:
            lines.append(f"{folder}: from DVC, {digest}")
            continue
        try:
            stage(name)
        except RebuildError as error:
            raise RebuildError(
                f"{folder}: DVC does not have {digest} ({why_not}), and it cannot be created again: {error}"
            ) from error
        created = folder_digest(project / folder)
        if created != digest:
            raise RebuildError(
                f"{folder}: the run had {digest}, which DVC does not have ({why_not}); created again it has {created}. "
                "Have the files changed? Restore the old ones, or get the data with `dvc pull`"
            )
        lines.append(f"{folder}: created again, identical to that of the run ({digest})")
    return lines


def from_dvc(digest: str, target: Path) -> str | None:
    """Get a folder from DVC's cache or remote by its hash; return None on success, otherwise the reason for failure."""
    with tempfile.TemporaryDirectory() as scratch:
        clone = Path(scratch)
        (clone / ".dvc").mkdir()
        (clone / ".dvc" / "config").write_text(_config(root() / ".dvc"), encoding="utf-8")
        out = {"outs": [{"md5": digest, "path": "wanted", "hash": "md5"}]}
        (clone / "wanted.dvc").write_text(yaml.safe_dump(out), encoding="utf-8")
        has_remote = "remote " in (clone / ".dvc" / "config").read_text(encoding="utf-8")
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("DVC_")}
        done = subprocess.run(
            [sys.executable, "-m", "dvc", "pull" if has_remote else "checkout", "wanted.dvc"],
            cwd=clone,
            env=inherited,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode or not (clone / "wanted").is_dir():
            _, has_reason, reason = done.stderr.partition("ERROR: ")
            return " ".join(reason.split())[:300] if has_reason else "it is not in the cache or in a remote"
        if folder_digest(clone / "wanted") != digest:
            return "the cache or the remote is corrupt"
        shutil.copytree(clone / "wanted", target, dirs_exist_ok=True)
    return None


def _config(folder: Path) -> str:
    """Return DVC's settings for another folder: the same cache and remotes, without git."""
    parser = configparser.ConfigParser(interpolation=None)
    parser.read([folder / "config", folder / "config.local"], encoding="utf-8")
    lines = ["[core]", "    no_scm = true", "    analytics = false"]
    if remote := parser.get("core", "remote", fallback=None):
        lines.append(f"    remote = {remote}")
    cache = parser.get("cache", "dir", fallback="cache")
    # Copies instead of links: the training data must not share files with the cache.
    lines += ["[cache]", f"    dir = {(folder / cache).resolve()}", "    type = copy"]
    for section in parser.sections():
        if section.strip("'\"").startswith("remote"):
            lines.append(f"[{section}]")
            for key, value in parser.items(section):
                is_path = key == "url" and "://" not in value and ":" not in value
                lines.append(f"    {key} = {(folder / value).resolve() if is_path else value}")
    return "\n".join(lines) + "\n"
