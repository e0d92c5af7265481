"""What the record is told waits in files until the store has it: a store that is away or slow costs no training."""

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
from pipeline.tracking.delivery import SEEN, client_of
from pipeline.tracking.journal import BEAT_SECONDS, HOPELESS, UNANSWERED, folder_of, handle, journal, say, told
from pipeline.tracking.redaction import redacted

FIRST_PAUSE, LONGEST_PAUSE = 0.5, 30.0
"""Seconds between two tries while the store does not answer."""
ASK_SECONDS = 2.0
"""The longest such pause of a process that wants to end."""
PATIENCE = 20.0
"""Seconds without a single success after which a process that wants to end leaves the rest to the next."""
AS_IT_IS = ("model", "inputs")
"""Kinds that name columns and hashes: nothing is taken out of them."""


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
            kind: A key of `delivery.DELIVER`.
            content: Its arguments.
            fill: Writes what is larger than a line into a folder.
        """
        with self._changed:
            # In the order told, also when the clock is set back.
            self._count, self._last = self._count + 1, max(self._last + 1, time.time_ns())
            path = self._folder / f"{self._last:020}-{os.getpid()}-{self._count:06}.json"
            if fill is not None:
                fill(folder_of(path))
            shown = dict(content) if kind in AS_IT_IS else redacted(content)
            entry = {"process": self._me, "uri": uri, "run": run, "kind": kind, "content": shown}
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
            begun, asked_at = time.monotonic(), 0.0
            # It is asked once more in any case: perhaps it has just come back.
            while self._waiting and time.monotonic() - max(self._succeeded_at + patience, begun + 2 * ASK_SECONDS) < 0:
                if time.monotonic() - asked_at > ASK_SECONDS:  # however long the pause between two tries was by then
                    asked_at = time.monotonic()
                    self._changed.notify_all()
                self._changed.wait(0.2)
            for path in self._waiting:
                for each in (*folder_of(path).rglob("*"), path):
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
                    say(f"  {told(error)}; the work goes on, its record waits in {self._folder}")
                self._trouble = told(error)
                with self._changed:
                    self._changed.wait(pause)
                pause = min(2 * pause, LONGEST_PAUSE)
                continue
            if self._trouble:
                say("  the tracking store answers again")
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
                    return  # neither will it take the others now


def outbox() -> Outbox:
    """Return the outbox of this process."""
    return _outbox(journal())


@cache
def _outbox(folder: Path) -> Outbox:
    return Outbox(folder)
