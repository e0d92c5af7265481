"""Queue tracking events in files until the store has them: training does not depend on the store being available."""

import json
import os
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

from mlflow.exceptions import MlflowException

from pipeline.storage import private_folder, sync_file, this_process
from pipeline.tracking.delivery import client_of
from pipeline.tracking.journal import BEAT_SECONDS, HOPELESS, UNANSWERED, first_line, folder_of, handle, journal, say
from pipeline.tracking.redaction import redacted
from pipeline.tracking.tags import SEEN

FIRST_PAUSE, LONGEST_PAUSE = 0.5, 30.0
"""Seconds between two attempts while the store does not respond."""
ASK_SECONDS = 2.0
"""The longest such pause while a process waits to end."""
PATIENCE = 20.0
"""Seconds without a delivery after which a process that waits to end leaves the rest to the next process."""
AS_IT_IS = ("model", "inputs")
"""Kinds of events that are not redacted: they contain names of columns, and hashes."""


class Outbox:
    """The tracking events of one process, delivered in order by a background thread.

    Args:
        folder: The folder in which the events of all processes are queued, one file per event.
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
        """The error of the last attempt; empty if the attempt was successful."""
        return self._trouble

    def put(
        self, uri: str, run: str, kind: str, content: Mapping[str, Any], fill: Callable[[Path], None] | None = None
    ) -> None:
        """Queue an event for delivery; from now on it survives the end of this process.

        Args:
            uri: The address of the store.
            run: The id of the run.
            kind: A key of `delivery.DELIVER`.
            content: The arguments of the event.
            fill: A function that writes the larger files of the event into a folder.
        """
        with self._changed:
            # Names sort in the order of the events, even if the clock is set back.
            self._count, self._last = self._count + 1, max(self._last + 1, time.time_ns())
            path = self._folder / f"{self._last:020}-{os.getpid()}-{self._count:06}.json"
            if fill is not None:
                fill(folder_of(path))
            stored = dict(content) if kind in AS_IT_IS else redacted(content)
            entry = {"process": self._me, "uri": uri, "run": run, "kind": kind, "content": stored}
            # The file is not synced to the disk here; `flush` syncs what is left. Until then it survives the process,
            # and after a power cut an unfinished training sends all of its events again.
            partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
            partial.write_text(json.dumps(entry), encoding="utf-8")
            partial.replace(path)
            if not self._waiting:
                self._succeeded_at = time.monotonic()
            self._waiting.append(path)
            self._changed.notify_all()

    def begin_beat(self, uri: str, run: str) -> None:
        """Start sending heartbeats of a run to the store."""
        self._beating[run] = uri

    def end_beat(self, run: str) -> None:
        """Stop sending heartbeats of a run."""
        self._beating.pop(run, None)

    def flush(self, patience: float = PATIENCE) -> int:
        """Wait until all events are delivered, or until the store has taken none for `patience` seconds.

        Returns:
            The number of events that are left to the next process.
        """
        with self._changed:
            started, retried_at = time.monotonic(), 0.0
            # Retry at least once: the store may just have come back.
            while (
                self._waiting and time.monotonic() - max(self._succeeded_at + patience, started + 2 * ASK_SECONDS) < 0
            ):
                if time.monotonic() - retried_at > ASK_SECONDS:  # wakes the thread from a longer pause
                    retried_at = time.monotonic()
                    self._changed.notify_all()
                self._changed.wait(0.2)
            for path in self._waiting:
                for file in (*folder_of(path).rglob("*"), path):
                    with suppress(FileNotFoundError, IsADirectoryError):  # it was delivered meanwhile
                        sync_file(file)
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
                    say(f"  {first_line(error)}; training continues, its tracking events are queued in {self._folder}")
                self._trouble = first_line(error)
                with self._changed:
                    self._changed.wait(pause)
                pause = min(2 * pause, LONGEST_PAUSE)
                continue
            if self._trouble:
                say("  the tracking store responds again")
            self._trouble, pause = "", FIRST_PAUSE
            with self._changed:
                self._waiting.pop(0)
                self._succeeded_at = time.monotonic()
                self._changed.notify_all()

    def _beat(self) -> None:
        for run, uri in list(self._beating.items()):
            try:
                client_of(uri).set_tag(run, SEEN, str(int(time.time())))
            except UNANSWERED as error:
                if not (isinstance(error, MlflowException) and error.error_code in HOPELESS):
                    return  # the store would not take the other heartbeats either


def outbox() -> Outbox:
    """Return the outbox of this process."""
    return _outbox(journal())


@cache
def _outbox(folder: Path) -> Outbox:
    return Outbox(folder)
