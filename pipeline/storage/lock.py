"""A lock that admits one process at a time to a folder."""

import fcntl
import os
import time
from pathlib import Path
from types import TracebackType
from typing import IO, Self

from pipeline.storage.errors import PipelineError


class LockError(PipelineError):
    """The folder is in use by another process."""


class FolderLock:
    """Hold `folder/lock` while the block runs; the system releases it when the process ends, even if that is killed.

    Args:
        folder: The folder to lock; it is created if it does not exist.
        doing: What the owner does, for messages, such as "trains the same network".
        wait_seconds: The number of seconds to wait for another process. A process that `dvc` left behind ends itself
            within seconds of the death of its parent.
    """

    def __init__(self, folder: Path, doing: str, wait_seconds: float = 15.0) -> None:
        self._path = folder / "lock"
        self._doing = doing
        self._wait = wait_seconds
        self._stream: IO[str] | None = None

    def __enter__(self) -> Self:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        stream = self._path.open("a+", encoding="utf-8")
        deadline = time.monotonic() + self._wait
        is_reported = False
        while not _try(stream):
            if time.monotonic() > deadline:
                holder = self._holder()
                stream.close()
                raise LockError(
                    f"{self._path.parent} is in use by process {holder}, which {self._doing}. "
                    f"Wait for it, or end it with `kill {holder}` and run the same command again."
                )
            if not is_reported:
                is_reported = time.monotonic() > deadline - self._wait + 1
                if is_reported:
                    print(f"waiting for process {self._holder()}, which {self._doing}", flush=True)
            time.sleep(0.2)
        stream.truncate(0)
        stream.write(str(os.getpid()))
        stream.flush()
        self._stream = stream
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._stream is not None:
            self._stream.close()

    def _holder(self) -> str:
        return self._path.read_text(encoding="utf-8").strip() or "(unknown)"


def _try(stream: IO[str]) -> bool:
    try:
        fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
