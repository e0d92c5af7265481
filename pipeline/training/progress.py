"""The progress of a training: its state apart from the tensors."""

import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Self


@dataclass(frozen=True)
class EpochRecord:
    """The scores of one epoch.

    Attributes:
        epoch: The number of the epoch, from 1.
        scores: The scores by name.
        timestamp: The time of the record in milliseconds, for the tracking server.
        note: A text to show after the epoch.
    """

    epoch: int
    scores: dict[str, float]
    timestamp: int
    note: str = ""


def mean_history(histories: Sequence[Sequence[EpochRecord]]) -> list[EpochRecord]:
    """Return the mean scores of several trainings by epoch.

    A training that ended early contributes its last scores to later epochs. Timestamps are the latest of each epoch.
    """
    means = []
    for epoch in range(1, max(map(len, histories)) + 1):
        records = [history[min(epoch, len(history)) - 1] for history in histories]
        scores = {name: sum(record.scores[name] for record in records) / len(records) for name in records[0].scores}
        means.append(EpochRecord(epoch, scores, max(record.timestamp for record in records)))
    return means


@dataclass
class Progress:
    """Completed epochs, completed steps of the current epoch, scores so far and the state of early stopping."""

    epoch: int = 0
    step: int = 0
    history: list[EpochRecord] = field(default_factory=list)
    best_epoch: int = 0
    best: float | None = None
    stopped: bool = False

    def finish_epoch(self, scores: dict[str, float], note: str, monitored: float, patience: int) -> bool:
        """Record a completed epoch.

        Args:
            scores: The scores by name.
            note: A text to show after the epoch.
            monitored: The monitored score; higher is better.
            patience: The number of epochs without improvement before training stops; 0 for never.

        Returns:
            Whether this epoch is the best so far.
        """
        self.epoch, self.step = self.epoch + 1, 0
        self.history.append(EpochRecord(self.epoch, scores, time.time_ns() // 1_000_000, note))
        better = self.best is None or monitored > self.best
        if better:
            self.best, self.best_epoch = monitored, self.epoch
        self.stopped = bool(patience) and self.epoch - self.best_epoch >= patience
        return better

    def to_json(self) -> dict[str, Any]:
        """Return the progress as plain dictionaries and lists."""
        return asdict(self)

    @classmethod
    def from_json(cls, content: dict[str, Any]) -> Self:
        """Return the progress from the result of `to_json`."""
        history = [EpochRecord(**record) for record in content["history"]]
        return cls(**{**content, "history": history})
