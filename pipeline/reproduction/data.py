"""The data of a run: out of DVC's cache or remote by their hash, else made anew and compared with it."""

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
    """Put raw and prepared data into a project; return how each came.

    Args:
        project: Where to.
        wanted: Hashes, by the folder's name.
        own: Folder of the user's own files, relative to the project.
        stage: Runs a stage of the project.

    Raises:
        RebuildError: Neither DVC has them, nor can they be made anew.
    """
    theirs, ours = Path.cwd() / own, project / own
    if theirs.is_dir() and ours.resolve().is_relative_to(project.resolve()):
        # The user's files are no part of the commit; what is made of them is compared by its hash.
        shutil.copytree(theirs, ours, dirs_exist_ok=True)
    told = []
    for folder, name in STAGE_OF.items():
        digest = wanted.get(folder.name)
        if digest is None:
            raise RebuildError(f"the run does not say which {folder} it had; it was recorded by an older version")
        why_not = from_dvc(digest, project / folder)
        if why_not is None:
            told.append(f"{folder}: from DVC, {digest}")
            continue
        try:
            stage(name)
        except RebuildError as error:
            raise RebuildError(
                f"{folder}: {digest} does not come from DVC ({why_not}), and it cannot be made anew: {error}"
            ) from error
        found = folder_digest(project / folder)
        if found != digest:
            raise RebuildError(
                f"{folder}: the run had {digest}, which does not come from DVC ({why_not}); made anew it is {found}. "
                "Have the files changed? Bring the old ones back, or `dvc pull` them"
            )
        told.append(f"{folder}: made anew, the same as the run had ({digest})")
    return told


def from_dvc(digest: str, target: Path) -> str | None:
    """Bring a folder out of DVC's cache or remote by its hash; say why not, or None when it is there, and whole."""
    with tempfile.TemporaryDirectory() as scratch:
        place = Path(scratch)
        (place / ".dvc").mkdir()
        (place / ".dvc" / "config").write_text(_config(root() / ".dvc"), encoding="utf-8")
        out = {"outs": [{"md5": digest, "path": "wanted", "hash": "md5"}]}
        (place / "wanted.dvc").write_text(yaml.safe_dump(out), encoding="utf-8")
        has_remote = "remote " in (place / ".dvc" / "config").read_text(encoding="utf-8")
        kept = {name: value for name, value in os.environ.items() if not name.startswith("DVC_")}
        done = subprocess.run(
            [sys.executable, "-m", "dvc", "pull" if has_remote else "checkout", "wanted.dvc"],
            cwd=place,
            env=kept,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode or not (place / "wanted").is_dir():
            _, is_told, told = done.stderr.partition("ERROR: ")
            return " ".join(told.split())[:300] if is_told else "neither its cache nor a remote has it"
        if folder_digest(place / "wanted") != digest:
            return "its cache or remote is damaged"
        shutil.copytree(place / "wanted", target, dirs_exist_ok=True)
    return None


def _config(folder: Path) -> str:
    """Return DVC's settings for a folder elsewhere: the same cache and remotes, no git."""
    parser = configparser.ConfigParser(interpolation=None)
    parser.read([folder / "config", folder / "config.local"], encoding="utf-8")
    lines = ["[core]", "    no_scm = true", "    analytics = false"]
    if remote := parser.get("core", "remote", fallback=None):
        lines.append(f"    remote = {remote}")
    cache = parser.get("cache", "dir", fallback="cache")
    # Copies: what is trained from must not share its files with the cache.
    lines += ["[cache]", f"    dir = {(folder / cache).resolve()}", "    type = copy"]
    for section in parser.sections():
        if section.strip("'\"").startswith("remote"):
            lines.append(f"[{section}]")
            for key, value in parser.items(section):
                is_place = key == "url" and "://" not in value and ":" not in value
                lines.append(f"    {key} = {(folder / value).resolve() if is_place else value}")
    return "\n".join(lines) + "\n"
