"""The files in which the record waits for its store: what an ended process left is sent by the next."""

import json
import shutil
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import requests
from mlflow.exceptions import MlflowException
from mlflow.protos import databricks_pb2
from mlflow.protos.databricks_pb2 import ErrorCode
from sqlalchemy.exc import SQLAlchemyError

from pipeline.storage import LEFTOVER_SECONDS, FolderLock, is_alive, link_or_copy, private_folder, remove, root
from pipeline.tracking.delivery import Entry
from pipeline.tracking.redaction import redacted

BEAT_SECONDS = 60.0
"""How often a run says that it is alive."""
LOST_SECONDS = 10 * BEAT_SECONDS
"""After how long a silence a process that cannot be seen from here counts as dead."""
REFUSED = "refused"
HOPELESS = {
    ErrorCode.Name(code)
    for code in (
        databricks_pb2.RESOURCE_DOES_NOT_EXIST,
        databricks_pb2.INVALID_PARAMETER_VALUE,
        databricks_pb2.INVALID_STATE,
    )
}
"""What a store answers that will say the same tomorrow: the run was deleted, or does not take this."""
UNANSWERED = (MlflowException, OSError, SQLAlchemyError)
"""What a store raises that does not answer now."""


def journal() -> Path:
    """Return the folder in which the record waits."""
    return root() / ".checkpoints" / "journal"


def pending(uri: str | None = None) -> Iterator[Path]:
    """Give the files of entries that processes left behind which have ended, for one store or for all."""
    for path in sorted(journal().glob("*.json")):
        content = _content(path)
        if not content:
            yield path  # damaged: `handle` says so
        elif uri in (None, content["uri"]):
            # A process elsewhere is judged by how long its oldest entries have been waiting.
            with suppress(FileNotFoundError):
                if not is_alive(content["process"], path.stat().st_mtime, LOST_SECONDS):
                    yield path


def refused() -> list[Path]:
    """Return the files of entries that a store would not take."""
    return sorted((journal() / REFUSED).glob("*.json"))


def orphans() -> list[Path]:
    """Return the folders of entries that were never told, or were delivered: a process was killed between.

    Not the newest: a process may fill one now.
    """
    found = []
    for path in (each for place in (journal(), journal() / REFUSED) for each in place.glob("*-*-*") if each.is_dir()):
        with suppress(FileNotFoundError):  # delivered this moment
            # Of the entry itself: a copy has the times of what it was copied from.
            if time.time() - path.stat().st_ctime > LEFTOVER_SECONDS and not path.with_suffix(".json").exists():
                found.append(path)
    return found


def sync(uri: str | None = None) -> int:
    """Deliver what ended processes left behind.

    Args:
        uri: Of the store; None for all.

    Returns:
        How many entries were delivered.

    Raises:
        MlflowException, OSError: A store does not answer; what it has not taken waits on.
    """
    if next(pending(uri), None) is None:
        return 0
    with _sending():
        done = 0
        for path in pending(uri):
            done += handle(path)
        return done


def sync_all() -> tuple[int, list[str]]:
    """Deliver what ended processes left behind to whichever store it is for; refused entries are tried again.

    Returns:
        How many entries were delivered; why stores have not taken the others.
    """
    sent = 0
    left: dict[str, list[str]] = {}
    with _sending():
        for path in refused():
            with suppress(FileNotFoundError, shutil.Error):  # given up this moment
                _move(path, journal() / path.name)
        for path in pending():
            uri = _content(path).get("uri", "")
            if uri not in left:
                try:
                    sent += handle(path)
                    continue
                except UNANSWERED as error:
                    left[uri] = [told(error)]
            left[uri].append(path.name)
    return sent, [
        f"tracking store {redacted(uri)}: {reason}; {len(paths)} entries of the record wait for it"
        for uri, (reason, *paths) in left.items()
    ]


def handle(path: Path) -> bool:
    """Deliver an entry and remove its file; what cannot be delivered steps aside, so that nothing waits behind it.

    Returns:
        Whether it was delivered.

    Raises:
        MlflowException, OSError: The store does not answer.
    """
    content = _content(path)
    if not path.exists():  # another process was faster
        return True
    if not content:  # a power cut has left half of it
        _set_aside(path, "it is damaged")
        return False
    entry = Entry(**content, folder=folder_of(path))
    try:
        entry.deliver()
    except Exception as error:
        if _may_be_taken_later(error):
            raise
        _set_aside(path, f"{entry.kind} of run {entry.run} cannot be delivered: {told(error)}")
        return False
    path.unlink(missing_ok=True)
    shutil.rmtree(entry.folder, ignore_errors=True)
    return True


def _may_be_taken_later(error: Exception) -> bool:
    if isinstance(error, MlflowException):
        return error.error_code not in HOPELESS
    if isinstance(error, requests.HTTPError) and error.response is not None:
        # Credentials can be set right; what is too large or unknown stays so.
        return error.response.status_code >= 500 or error.response.status_code in (401, 403, 408, 429)
    if isinstance(error, SQLAlchemyError):
        return True
    return isinstance(error, OSError) and not isinstance(error, FileNotFoundError | PermissionError)


def _set_aside(path: Path, reason: str) -> None:
    _move(path, private_folder(path.parent / REFUSED) / path.name)
    say(f"  an entry of the record is set aside, {journal() / REFUSED / path.name}: {reason}")


def _move(path: Path, target: Path) -> None:
    if folder_of(path).is_dir():
        # A copy: killed between the two moves, the entry would have lost its folder.
        remove(folder_of(target))  # of a move that was killed
        shutil.copytree(folder_of(path), folder_of(target), copy_function=link_or_copy)
    path.replace(target)
    shutil.rmtree(folder_of(path), ignore_errors=True)


def say(text: str) -> None:
    """Print a line."""
    # From a thread, when the reader of the output may be gone.
    with suppress(OSError, ValueError):
        print(text, flush=True)


def _content(path: Path) -> dict[str, Any]:
    """Read an entry; empty where it is damaged, or another process has delivered it meanwhile."""
    try:
        content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return content if set(content) == {"process", "uri", "run", "kind", "content"} else {}


def _sending() -> FolderLock:
    return FolderLock(journal(), "sends what the record is told", wait_seconds=300)


def told(error: Exception) -> str:
    """Return the first line of what an error says."""
    return str(redacted((str(error).strip().splitlines() or [type(error).__name__])[0]))[:300]


def folder_of(path: Path) -> Path:
    """Return where an entry keeps what is larger than a line."""
    return path.with_suffix("")
