"""What the record is told waits in files until the store has it: a store that is away or slow costs no training."""

import json
import os
import shutil
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import requests
from mlflow import MlflowClient
from mlflow.entities import Dataset, DatasetInput, InputTag, Metric, Param, RunTag
from mlflow.exceptions import MlflowException
from mlflow.protos import databricks_pb2
from mlflow.protos.databricks_pb2 import ErrorCode
from sqlalchemy.exc import SQLAlchemyError

from pipeline.storage import FolderLock, is_alive, link_or_copy, private_folder, root, sync_file, this_process
from pipeline.tracking.redaction import redacted

BATCH = 100
"""Params or metrics in one request: the tracking server takes no more."""
FIRST_PAUSE, LONGEST_PAUSE = 0.5, 30.0
"""Seconds between two tries while the store does not answer."""
PATIENCE = 20.0
"""Seconds without a single success after which a process that wants to end leaves the rest to the next."""
BEAT_SECONDS = 60.0
"""How often a run says that it is alive."""
LOST_SECONDS = 10 * BEAT_SECONDS
"""After how long a silence a process that cannot be seen from here counts as dead."""
PROCESS, SEEN = "onehot.process", "onehot.seen"
"""Tags of a run: who writes into it, as `this_process` tells, and its last sign of life."""
TIMEOUT = "MLFLOW_HTTP_REQUEST_TIMEOUT"
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
AS_IT_IS = ("model", "inputs")
"""Kinds that name columns and hashes: nothing is taken out of them."""
UPLOAD_SECONDS = "120"
"""For one answer while a network is sent: a server may hand it on before it answers."""


@dataclass(frozen=True)
class Entry:
    """One thing told to a run.

    Attributes:
        process: Who told it, as `this_process` says.
        uri: Of the store.
        run: The id.
        kind: A key of `DELIVER`.
        content: Its arguments.
        folder: Beside the entry's file, for what is larger than a line; may not exist.
    """

    process: Mapping[str, Any]
    uri: str
    run: str
    kind: str
    content: Mapping[str, Any]
    folder: Path

    def deliver(self) -> None:
        """Tell the store; told twice, it is there once."""
        DELIVER[self.kind](_client(self.uri), self)


class Outbox:
    """The entries of one process, delivered in their order by a thread of its own.

    Args:
        folder: Where entries of all processes wait, a file each.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = private_folder(folder)
        self._me = this_process()
        self._count = self._last = 0
        self._waiting: list[Path] = []
        self._changed = threading.Condition()
        self._succeeded_at = time.monotonic()
        self._trouble = ""
        self._beating: dict[str, str] = {}
        self._beat_at = 0.0
        threading.Thread(target=self._work, daemon=True, name="outbox").start()

    @property
    def trouble(self) -> str:
        """Why the store took nothing last time; empty when it did."""
        return self._trouble

    def put(
        self, uri: str, run: str, kind: str, content: Mapping[str, Any], fill: Callable[[Path], None] | None = None
    ) -> None:
        """Keep an entry, safe from now on, and have it delivered.

        Args:
            uri: Of the store.
            run: The id.
            kind: A key of `DELIVER`.
            content: Its arguments.
            fill: Writes what is larger than a line into a folder.
        """
        with self._changed:
            # In the order told, also when the clock is set back.
            self._count, self._last = self._count + 1, max(self._last + 1, time.time_ns())
            path = self._folder / f"{self._last:020}-{os.getpid()}-{self._count:06}.json"
            if fill is not None:
                fill(_folder_of(path))
            told = dict(content) if kind in AS_IT_IS else redacted(content)
            entry = {"process": self._me, "uri": uri, "run": run, "kind": kind, "content": told}
            # Not yet synced to the disk, which `flush` does with what stays: until then it outlives this process, and
            # after a power cut a training that is not finished tells all again.
            partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
            partial.write_text(json.dumps(entry), encoding="utf-8")
            partial.replace(path)
            if not self._waiting:
                self._succeeded_at = time.monotonic()
            self._waiting.append(path)
            self._changed.notify_all()

    def begin_beat(self, uri: str, run: str) -> None:
        """Tell the store from time to time that a run is alive."""
        self._beating[run] = uri

    def end_beat(self, run: str) -> None:
        """Stop `begin_beat`."""
        self._beating.pop(run, None)

    def flush(self, patience: float = PATIENCE) -> int:
        """Wait until all is delivered, or the store has taken nothing for `patience` seconds.

        Returns:
            Entries that wait for another process now.
        """
        with self._changed:
            self._changed.notify_all()
            while self._waiting and time.monotonic() - self._succeeded_at < patience:
                self._changed.wait(0.2)
            for path in self._waiting:
                for each in (*_folder_of(path).rglob("*"), path):
                    with suppress(FileNotFoundError, IsADirectoryError):  # delivered this moment
                        sync_file(each)
            return len(self._waiting)

    def _work(self) -> None:
        pause = FIRST_PAUSE
        while True:
            with self._changed:
                while not self._waiting:
                    self._changed.wait(5.0)
                    if self._beating and time.monotonic() - self._beat_at > BEAT_SECONDS:
                        break
                first = self._waiting[0] if self._waiting else None
            if time.monotonic() - self._beat_at > BEAT_SECONDS:
                self._beat_at = time.monotonic()
                self._beat()
            if first is None:
                continue
            try:
                handle(first)
            except UNANSWERED as error:
                if not self._trouble:
                    _say(f"  {_told(error)}; the work goes on, its record waits in {self._folder}")
                self._trouble = _told(error)
                with self._changed:
                    self._changed.wait(pause)
                pause = min(2 * pause, LONGEST_PAUSE)
                continue
            if self._trouble:
                _say("  the tracking store answers again")
            self._trouble, pause = "", FIRST_PAUSE
            with self._changed:
                self._waiting.pop(0)
                self._succeeded_at = time.monotonic()
                self._changed.notify_all()

    def _beat(self) -> None:
        for run, uri in list(self._beating.items()):
            try:
                _client(uri).set_tag(run, SEEN, str(int(time.time())))
            except UNANSWERED:
                return


def outbox() -> Outbox:
    """Return the outbox of this process."""
    return _outbox(journal())


@cache
def _outbox(folder: Path) -> Outbox:
    return Outbox(folder)


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
    """Return the folders of entries that were never told, or were delivered: a process was killed between."""
    folders = [path for place in (journal(), journal() / REFUSED) for path in place.glob("*-*-*") if path.is_dir()]
    return [path for path in folders if not path.with_suffix(".json").exists()]


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
    for path in refused():
        _move(path, journal() / path.name)
    sent = 0
    left: dict[str, list[str]] = {}
    with _sending():
        for path in pending():
            uri = _content(path).get("uri", "")
            if uri not in left:
                try:
                    sent += handle(path)
                    continue
                except UNANSWERED as error:
                    left[uri] = [_told(error)]
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
    entry = Entry(**content, folder=_folder_of(path))
    try:
        entry.deliver()
    except Exception as error:
        if _may_be_taken_later(error):
            raise
        _set_aside(path, f"{entry.kind} of run {entry.run} cannot be delivered: {_told(error)}")
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
    _say(f"  an entry of the record is set aside, {journal() / REFUSED / path.name}: {reason}")


def _move(path: Path, target: Path) -> None:
    if _folder_of(path).is_dir():
        # A copy: killed between the two moves, the entry would have lost its folder.
        shutil.copytree(_folder_of(path), _folder_of(target), dirs_exist_ok=True, copy_function=link_or_copy)
    path.replace(target)
    shutil.rmtree(_folder_of(path), ignore_errors=True)


def _say(text: str) -> None:
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


def _told(error: Exception) -> str:
    return str(redacted((str(error).strip().splitlines() or [type(error).__name__])[0]))[:300]


def _folder_of(path: Path) -> Path:
    return path.with_suffix("")


@cache
def _client(uri: str) -> MlflowClient:
    return MlflowClient(uri)


def _batches(items: list[Any]) -> Iterator[list[Any]]:
    for start in range(0, len(items), BATCH):
        yield items[start : start + BATCH]


def _params(client: MlflowClient, entry: Entry) -> None:
    for some in _batches([Param(name, value) for name, value in entry.content["params"].items()]):
        client.log_batch(entry.run, params=some)


def _tags(client: MlflowClient, entry: Entry) -> None:
    for some in _batches([RunTag(name, value) for name, value in entry.content["tags"].items()]):
        client.log_batch(entry.run, tags=some)


def _scores(client: MlflowClient, entry: Entry) -> None:
    step, when = entry.content["step"], entry.content["timestamp"]
    for some in _batches([Metric(name, value, when, step) for name, value in entry.content["scores"].items()]):
        client.log_batch(entry.run, metrics=some)


def _text(client: MlflowClient, entry: Entry) -> None:
    client.log_text(entry.run, entry.content["text"], entry.content["name"])


def _picture(client: MlflowClient, entry: Entry) -> None:
    place = Path(entry.content["name"])
    folder = None if place.parent == Path() else place.parent.as_posix()
    client.log_artifact(entry.run, str(entry.folder / place.name), folder)


def _inputs(client: MlflowClient, entry: Entry) -> None:
    given = [
        DatasetInput(Dataset(**each["dataset"]), [InputTag("mlflow.data.context", each["context"])])
        for each in entry.content["datasets"]
    ]
    client.log_inputs(entry.run, datasets=given)


def _model(_client: MlflowClient, entry: Entry) -> None:
    from pipeline.tracking.logged_model import send

    usual = os.environ.get(TIMEOUT)
    os.environ[TIMEOUT] = UPLOAD_SECONDS
    try:
        send(entry.uri, entry.run, entry.folder, entry.content)
    finally:
        os.environ.pop(TIMEOUT) if usual is None else os.environ.update({TIMEOUT: usual})


def _end(client: MlflowClient, entry: Entry) -> None:
    run = client.get_run(entry.run)
    owner = json.loads(run.data.tags.get(PROCESS, "null"))
    # Told late: another process has gone on with the run since, and it is that one's to end.
    if owner in (None, entry.process) or (run.info.status == "RUNNING" and not is_alive(owner, None)):
        client.set_terminated(entry.run, entry.content["status"], entry.content["time"])


DELIVER: dict[str, Callable[[MlflowClient, Entry], None]] = {
    "params": _params,
    "tags": _tags,
    "scores": _scores,
    "text": _text,
    "picture": _picture,
    "inputs": _inputs,
    "model": _model,
    "end": _end,
}
