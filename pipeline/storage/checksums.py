"""Checksums of the files of a folder, which are written with it and checked when it is read."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pipeline.storage.atomic import new_folder, write_json
from pipeline.storage.digest import file_digests, sha256
from pipeline.storage.errors import PipelineError
from pipeline.storage.root import root

CHECKSUMS = "checksums.json"
"""The file with the SHA-256 of every other file of its folder."""


class DamagedError(PipelineError):
    """Files are not as they were written."""


def seal(folder: Path) -> None:
    """Write the checksums of all files of a folder."""
    (folder / CHECKSUMS).unlink(missing_ok=True)
    write_json(folder / CHECKSUMS, file_digests(folder))


@contextmanager
def sealed_folder(path: Path) -> Iterator[Path]:
    """Yield a scratch folder that replaces `path`, with checksums, if the block succeeds; see `new_folder`."""
    with new_folder(path) as scratch:
        yield scratch
        seal(scratch)


def verify(folder: Path, advice: str, *, remember: bool = False) -> None:
    """Compare the files of a folder with their checksums.

    Args:
        folder: The folder; `seal` wrote its checksums.
        advice: What to do if a file is not as it was written, for the error.
        remember: Whether a file that has kept its size, time and place since the last comparison counts as unchanged.
            That is meant for large folders which several stages read.

    Raises:
        DamagedError: A file was changed, added or removed, or there are no checksums.
    """
    path = folder / CHECKSUMS
    try:
        expected = _texts(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError) as error:
        raise DamagedError(f"{path}: missing or damaged ({error}), so the files cannot be checked; {advice}") from error
    present = {p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file()} - {CHECKSUMS}
    if missing := sorted(expected.keys() - present):
        raise DamagedError(f"{folder / missing[0]}: no such file, but {path} lists it; {advice}")
    if added := sorted(present - expected.keys()):
        raise DamagedError(f"{folder / added[0]}: not written with the other files of {folder}; {advice}")
    seen = _remembered() if remember else {}
    for name, checksum in expected.items():
        looks = _looks(folder / name)
        if seen.get(looks) == checksum:
            continue
        if (received := sha256(folder / name)) != checksum:
            raise DamagedError(
                f"{folder / name}: changed after it was written (sha256 {received[:12]}…, expected {checksum[:12]}…); "
                f"{advice}"
            )
        seen[looks] = checksum
    if remember:
        write_json(_memory(), seen)


def _texts(content: Any) -> dict[str, str]:
    if not isinstance(content, dict) or not all(isinstance(value, str) for value in content.values()):
        raise ValueError("expected names of files and their checksums")
    return content


def _looks(path: Path) -> str:
    """Return a file's path, size, time and place on the disk: if they are the same, its content is, too."""
    state = path.stat()
    return f"{path.resolve()}:{state.st_size}:{state.st_mtime_ns}:{state.st_ino}"


def _memory() -> Path:
    return root() / ".checkpoints" / "verified.json"


def _remembered() -> dict[str, str]:
    """Return the looks of the files that were compared → their checksums, without those that look otherwise now."""
    try:
        seen = _texts(json.loads(_memory().read_text(encoding="utf-8")))
    except (OSError, ValueError):
        return {}
    paths = {looks: Path(looks.rsplit(":", 3)[0]) for looks in seen}
    return {
        looks: checksum for looks, checksum in seen.items() if paths[looks].is_file() and _looks(paths[looks]) == looks
    }
