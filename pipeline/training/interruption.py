"""Detect requests to stop the training, and report them when its state can be saved."""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from pipeline import ENDS_WITH_PARENT, PARENT_PID


class Interruption:
    """Collects reasons to stop; the training loop checks it between chunks of steps."""

    def __init__(self) -> None:
        self._signal: int | None = None
        # A killed `dvc` leaves its stage running, and the next `dvc repro` would start a second one in parallel. The
        # same holds for a killed sweep and its workers.
        self._watches_parent = bool({"DVC_STAGE", ENDS_WITH_PARENT} & set(os.environ))

    def reason(self) -> str | None:
        """Return the reason to stop, or None."""
        # Checked first: an orphaned DVC stage sends the signal to itself.
        if self._is_orphan():
            return "the process that started this one has ended"
        if self._signal is not None:
            return f"received {signal.Signals(self._signal).name}"
        return None

    def note(self, number: int, _frame: FrameType | None) -> None:
        """Record the first signal; a second one ends the process at once, unless the process is an orphan."""
        if self._signal is not None and not self._is_orphan():
            raise KeyboardInterrupt
        self._signal = number

    def _is_orphan(self) -> bool:
        return self._watches_parent and os.getppid() != PARENT_PID


@contextmanager
def interruptible() -> Iterator[Interruption]:
    """Turn Ctrl-C and SIGTERM into a reason to stop while the block runs."""
    interruption = Interruption()
    before = {number: signal.signal(number, interruption.note) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield interruption
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
