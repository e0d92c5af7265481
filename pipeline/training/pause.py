"""Pauses a training at a named step, so that tests can interrupt it there whatever the speed of the machine."""

import os
from dataclasses import dataclass
from typing import Self

PAUSE_AT = "PIPELINE_PAUSE_AT"
"""Environment variable `EPOCH:STEP`, both from 1: after that step the training saves a checkpoint and waits."""


@dataclass(frozen=True)
class Pause:
    """Where a training pauses.

    Attributes:
        epoch: Number of the epoch, from 1; 0 for never.
        step: Number of the step within the epoch, from 1.
    """

    epoch: int = 0
    step: int = 0

    @classmethod
    def from_environment(cls) -> Self:
        """Read `PIPELINE_PAUSE_AT`."""
        epoch, _, step = os.environ.get(PAUSE_AT, "0:0").partition(":")
        return cls(int(epoch), int(step))

    def limit(self, epochs_done: int, step: int, last: int) -> int:
        """Return where a chunk of steps must end so that it does not run past the pause."""
        return self.step if epochs_done + 1 == self.epoch and step < self.step < last else last

    def is_reached(self, epochs_done: int, step: int) -> bool:
        """Return whether the training has arrived."""
        return epochs_done + 1 == self.epoch and step == self.step
