"""The journal: files of tracking events that wait for delivery; the next process sends those of an ended one."""

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
"""The interval between two heartbeats of a run."""
LOST_SECONDS = 10 * BEAT_SECONDS
"""The silence after which a process that is not visible from here counts as dead."""
REFUSED = "refused"
HOPELESS = {
    ErrorCode.Name(code)
    for code in (
        databricks_pb2.RESOURCE_DOES_NOT_EXIST,
        databricks_pb2.INVALID_PARAMETER_VALUE,
        databricks_pb2.INVALID_STATE,
    )
}
"""Error codes that a retry does not fix: the run was deleted, or does not accept the event."""
UNANSWERED = (MlflowException, OSError, SQLAlchemyError)
"""Exceptions that mean that a store does not respond now."""


def journal() -> Path:
    """Return the folder of the queued tracking events."""
    return root() / ".checkpoints" / "journal"


def pending(uri: str | None = None) -> Iterator[Path]:
    """Yield the files of events that ended processes left behind, for one store, or for all if `uri` is None."""
    for path in sorted(journal().glob("*.json")):
        content = _content(path)
        if not content:
            yield path  # corrupt: `handle` reports it
        elif uri in (None, content["uri"]):
            # A process on another host counts as ended once its events have waited for long enough.
            with suppress(FileNotFoundError):
                if not is_alive(content["process"], path.stat().st_mtime, LOST_SECONDS):
                    yield path


def refused() -> list[Path]:
    """Return the files of events that a store has refused."""
    return sorted((journal() / REFUSED).glob("*.json"))


def orphans() -> list[Path]:
    """Return the folders of events that have no JSON file: a process was killed while it wrote or removed them.

    New folders are left out: a process may be filling them.
    """
    folders = []
    for path in (path for folder in (journal(), journal() / REFUSED) for path in folder.glob("*-*-*") if path.is_dir()):
        with suppress(FileNotFoundError):  # it was delivered meanwhile
            # `st_ctime`, because a copy keeps the modification time of its original.
            if time.time() - path.stat().st_ctime > LEFTOVER_SECONDS and not path.with_suffix(".json").exists():
                folders.append(path)
    return folders


def sync(uri: str | None = None) -> int:
    """Deliver the events that ended processes left behind.

    Args:
        uri: The address of the store; None for all stores.

    Returns:
        The number of delivered events.

    Raises:
        MlflowException, OSError: A store does not respond; the other events stay queued.
    """
    if next(pending(uri), None) is None:
        return 0
    with _sending():
        done = 0
        for path in pending(uri):
            done += handle(path)
        return done


def sync_all() -> tuple[int, list[str]]:
    """Deliver the events that ended processes left behind, to all stores; refused events are retried.

    Returns:
        The number of delivered events, and one line per store that did not take its events.
    """
    sent = 0
    queued: dict[str, list[str]] = {}
    with _sending():
        for path in refused():
            with suppress(FileNotFoundError, shutil.Error):  # it was deleted meanwhile
                _move(path, journal() / path.name)
        for path in pending():
            uri = _content(path).get("uri", "")
            if uri not in queued:
                try:
                    sent += handle(path)
                    continue
                except UNANSWERED as error:
                    queued[uri] = [first_line(error)]
            queued[uri].append(path.name)
    return sent, [
        f"tracking store {redacted(uri)}: {reason}; {len(paths)} tracking events are queued for it"
        for uri, (reason, *paths) in queued.items()
    ]


def handle(path: Path) -> bool:
    """Deliver an event and remove its file; an undeliverable event is moved away, so that it does not block the others.

    Returns:
        Whether the event was delivered.

    Raises:
        MlflowException, OSError: The store does not respond.
    """
    content = _content(path)
    if not path.exists():  # another process has delivered it
        return True
    if not content:  # truncated by a power cut
        _refuse(path, "the file is corrupt")
        return False
    entry = Entry(**content, folder=folder_of(path))
    try:
        entry.deliver()
    except Exception as error:
        if _is_transient(error):
            raise
        _refuse(path, f"{entry.kind} of run {entry.run} cannot be delivered: {first_line(error)}")
        return False
    path.unlink(missing_ok=True)
    shutil.rmtree(entry.folder, ignore_errors=True)
    return True


def _is_transient(error: Exception) -> bool:
    if isinstance(error, MlflowException):
        return error.error_code not in HOPELESS
    if isinstance(error, requests.HTTPError) and error.response is not None:
        # Wrong credentials can be corrected; an event that is too large or unknown cannot.
        return error.response.status_code >= 500 or error.response.status_code in (401, 403, 408, 429)
    if isinstance(error, SQLAlchemyError):
        return True
    return isinstance(error, OSError) and not isinstance(error, FileNotFoundError | PermissionError)


def _refuse(path: Path, reason: str) -> None:
    _move(path, private_folder(path.parent / REFUSED) / path.name)
    say(f"  moved an undeliverable tracking event to {journal() / REFUSED / path.name}: {reason}")


def _move(path: Path, target: Path) -> None:
    if folder_of(path).is_dir():
        # Copied, not moved: if the process is killed between the two steps, the event keeps its folder.
        remove(folder_of(target))  # the rest of a move that was killed
        shutil.copytree(folder_of(path), folder_of(target), copy_function=link_or_copy)
    path.replace(target)
    shutil.rmtree(folder_of(path), ignore_errors=True)


def say(text: str) -> None:
    """Print a line, if the output is still open."""
    # A thread may print when the reader of the output has ended.
    with suppress(OSError, ValueError):
        print(text, flush=True)


def _content(path: Path) -> dict[str, Any]:
    """Return the content of an event; empty if its file is corrupt, or was delivered by another process."""
    try:
        content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return content if set(content) == {"process", "uri", "run", "kind", "content"} else {}


def _sending() -> FolderLock:
    return FolderLock(journal(), "sends tracking events", wait_seconds=300)


def first_line(error: Exception) -> str:
    """Return the first line of the message of an error, without secrets."""
    return str(redacted((str(error).strip().splitlines() or [type(error).__name__])[0]))[:300]


def folder_of(path: Path) -> Path:
    """Return the folder of the larger files of an event."""
    return path.with_suffix("")
