"""Running a stage: one process at a time per folder, which ends with the `dvc` that started it."""

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
    """Run a stage while holding its lock, because all processes of a stage write to the same folder.

    A killed `dvc` leaves its stage running, and the next `dvc repro` would start a second one. Therefore the process
    sends itself SIGTERM when its parent has ended.

    Args:
        name: Name of the stage.

    Raises:
        LockError: Another process is running this stage in the current folder.
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
    # A training has noticed it by now and is saving a checkpoint, which a signal must not interrupt.
    if over.wait(OWN_END_SECONDS):
        return
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(GRACE_SECONDS)
    # Python handles no signal during a long call into a library. Exiting is safe: stages write outputs atomically.
    os._exit(143)
