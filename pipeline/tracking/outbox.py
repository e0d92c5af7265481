"""What the record is told waits in files until the store has it: a store that is away or slow costs no training."""

import json
import os
import shutil
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from mlflow import MlflowClient
from mlflow.entities import Dataset, DatasetInput, InputTag, Metric, Param, RunTag
from mlflow.exceptions import MlflowException
from mlflow.protos import databricks_pb2
from mlflow.protos.databricks_pb2 import ErrorCode

from pipeline.storage import FolderLock, is_alive, private_folder, root, sync_file, this_process
from pipeline.tracking.redaction import redacted

BATCH = 100
"""Params or metrics in one request: the tracking server takes no more."""
FIRST_PAUSE, LONGEST_PAUSE = 0.5, 30.0
"""Seconds between two tries while the store does not answer."""
PATIENCE = 20.0
"""Seconds without a single success after which a process that wants to end leaves the rest to the next."""
BEAT_SECONDS = 60.0
"""How often a run says that it is alive."""
SEEN = "onehot.seen"
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
# Files of the operating system, the network and the store: what else fails is a fault of this program.
UNANSWERED = (MlflowException, OSError)


@dataclass(frozen=True)
class Entry:
    """One thing told to a run.

    Attributes:
        uri: Of the store.
        run: The id.
        kind: A key of `DELIVER`.
        content: Its arguments.
        folder: Beside the entry's file, for what is larger than a line; may not exist.
    """

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
        self._count = 0
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
            self._count += 1
            path = self._folder / f"{time.time_ns():020}-{os.getpid()}-{self._count:06}.json"
            if fill is not None:
                fill(_folder_of(path))
            entry = {"process": self._me, "uri": uri, "run": run, "kind": kind, "content": redacted(content)}
            # Not yet synced to the disk: it outlives this process, and after a power cut a training tells all again.
            partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
            partial.write_text(json.dumps(entry, allow_nan=False), encoding="utf-8")
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
                if path.exists():
                    sync_file(path)
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
                    print(f"  {_told(error)}; the work goes on, its record waits in {self._folder}", flush=True)
                self._trouble = _told(error)
                with self._changed:
                    self._changed.wait(pause)
                pause = min(2 * pause, LONGEST_PAUSE)
                continue
            if self._trouble:
                print("  the tracking store answers again", flush=True)
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
        if not content or (uri in (None, content["uri"]) and not is_alive(content["process"], None)):
            yield path  # damaged ones too: `handle` says so


def refused() -> list[Path]:
    """Return the files of entries that a store would not take."""
    return sorted((journal() / REFUSED).glob("*.json"))


def sync(uri: str | None = None) -> int:
    """Deliver what ended processes left behind.

    Args:
        uri: Of the store; None for all.

    Returns:
        How many entries were delivered, or stepped aside.

    Raises:
        MlflowException, OSError: A store does not answer; what it has not taken waits on.
    """
    if next(pending(uri), None) is None:
        return 0
    with _sending():
        done = 0
        for path in pending(uri):
            handle(path)
            done += 1
        return done


def sync_all() -> tuple[int, list[str]]:
    """Deliver what ended processes left behind to whichever store it is for; refused entries are tried again.

    Returns:
        How many entries were delivered, or stepped aside again; why stores have not taken the others.
    """
    for path in refused():
        if _folder_of(path).is_dir():
            _folder_of(path).replace(_folder_of(journal() / path.name))
        path.replace(journal() / path.name)
    sent = 0
    left: dict[str, list[str]] = {}
    with _sending():
        for path in pending():
            uri = _content(path).get("uri", "")
            if uri not in left:
                try:
                    handle(path)
                    sent += 1
                    continue
                except UNANSWERED as error:
                    left[uri] = [_told(error)]
            left[uri].append(path.name)
    return sent, [
        f"tracking store {redacted(uri)}: {reason}; {len(paths)} entries of the record wait for it"
        for uri, (reason, *paths) in left.items()
    ]


def handle(path: Path) -> None:
    """Deliver an entry and remove its file; what the store will never take steps aside.

    Raises:
        MlflowException, OSError: The store does not answer.
    """
    content = _content(path)
    if not path.exists():  # another process was faster
        return
    if not content:  # a power cut has left half of it
        _set_aside(path, "it is damaged")
        return
    del content["process"]
    entry = Entry(**content, folder=_folder_of(path))
    try:
        entry.deliver()
    except MlflowException as error:
        if error.error_code not in HOPELESS:
            raise
        _set_aside(path, f"the store refuses {entry.kind} of run {entry.run}: {_told(error)}")
        return
    path.unlink(missing_ok=True)
    shutil.rmtree(entry.folder, ignore_errors=True)


def _set_aside(path: Path, reason: str) -> None:
    aside = private_folder(path.parent / REFUSED) / path.name
    if _folder_of(path).is_dir():
        _folder_of(path).replace(_folder_of(aside))
    path.replace(aside)
    print(f"  an entry of the record is set aside, {aside}: {reason}", flush=True)


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

    send(entry.uri, entry.run, entry.folder, entry.content)


def _end(client: MlflowClient, entry: Entry) -> None:
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
