"""A stage is alone in its folder, and does not outlive the `dvc` that started it."""

import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pipeline import PARENT_PID
from pipeline.storage import FolderLock

LOCKS = Path(".checkpoints") / "stages"
LOOK_SECONDS, OWN_END_SECONDS, GRACE_SECONDS = 0.5, 5.0, 30.0


@contextmanager
def stage(name: str) -> Iterator[None]:
    """Run a stage: one of its name at a time in the current folder, into which all of them write.

    A killed `dvc` leaves its stage running; the next `dvc repro` would start a second one beside it. So it is told to
    end, as by SIGTERM, when its parent is gone.

    Raises:
        LockError: Another process runs it, and goes on.
    """
    over = threading.Event()
    if "DVC_STAGE" in os.environ:
        threading.Thread(target=_watch, args=(over,), daemon=True, name="parent").start()
    try:
        with FolderLock(LOCKS / name, f"runs stage {name} in this folder", wait_seconds=1.5 * GRACE_SECONDS):
            yield
    finally:
        over.set()


def _watch(over: threading.Event) -> None:
    while os.getppid() == PARENT_PID:
        if over.wait(LOOK_SECONDS):
            return
    # A training has seen it by itself by now, and saves a checkpoint: what comes then must not end that.
    if over.wait(OWN_END_SECONDS):
        return
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(GRACE_SECONDS)
    # Within a library's long call no signal is heard. What stages write appears whole or not at all.
    os._exit(143)
