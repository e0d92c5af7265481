"""Pause a training at a given step, so that tests can interrupt it there at any machine speed."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Self

PAUSE_AT = "PIPELINE_PAUSE_AT"
"""Environment variable with `EPOCH:STEP` or `EPOCH:STEP:FILE`, numbers from 1.

After that step the training saves a checkpoint and waits until it is interrupted or until the file exists."""


@dataclass(frozen=True)
class Pause:
    """The step at which a training pauses.

    Attributes:
        epoch: The number of the epoch, from 1; 0 for never.
        step: The number of the step within the epoch, from 1.
        until: The file that ends the pause; None if only an interruption does.
    """

    epoch: int = 0
    step: int = 0
    until: Path | None = None

    @classmethod
    def from_environment(cls) -> Self:
        """Return the pause that `PIPELINE_PAUSE_AT` sets."""
        epoch, step, file = (*os.environ.get(PAUSE_AT, "0:0").split(":", 2), "")[:3]
        return cls(int(epoch), int(step), Path(file) if file else None)

    def limit(self, epochs_done: int, step: int, last: int) -> int:
        """Return the end of a chunk of steps, shortened so that it does not run past the pause."""
        return self.step if epochs_done + 1 == self.epoch and step < self.step < last else last

    def is_reached(self, epochs_done: int, step: int) -> bool:
        """Return whether the training has reached the pause."""
        return epochs_done + 1 == self.epoch and step == self.step

    @property
    def is_over(self) -> bool:
        """Whether the file that ends the pause exists."""
        return self.until is not None and self.until.exists()
