"""Where a training stands: everything about it that is not a tensor."""

import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Self


@dataclass(frozen=True)
class EpochRecord:
    """Scores of one epoch, counted from 1, and when they were known (milliseconds, for the tracking server).

    `note`: what else the epoch showed, as text.
    """

    epoch: int
    scores: dict[str, float]
    timestamp: int
    note: str = ""


def mean_history(histories: Sequence[Sequence[EpochRecord]]) -> list[EpochRecord]:
    """Return the mean of several trainings' scores by epoch, with the last of each that has ended; their last time."""
    found = []
    for epoch in range(1, max(map(len, histories)) + 1):
        records = [history[min(epoch, len(history)) - 1] for history in histories]
        scores = {name: sum(each.scores[name] for each in records) / len(records) for name in records[0].scores}
        found.append(EpochRecord(epoch, scores, max(each.timestamp for each in records)))
    return found


@dataclass
class Progress:
    """Epochs done, steps done in the present one, scores so far, early stopping."""

    epoch: int = 0
    step: int = 0
    history: list[EpochRecord] = field(default_factory=list)
    best_epoch: int = 0
    best: float | None = None
    stopped: bool = False

    def finish_epoch(self, scores: dict[str, float], note: str, monitored: float, patience: int) -> bool:
        """Record an epoch.

        Args:
            scores: By name.
            note: What else it showed.
            monitored: What decides; higher is better.
            patience: Epochs without a better one before training stops; 0 for never.

        Returns:
            Whether it is the best so far.
        """
        self.epoch, self.step = self.epoch + 1, 0
        self.history.append(EpochRecord(self.epoch, scores, time.time_ns() // 1_000_000, note))
        better = self.best is None or monitored > self.best
        if better:
            self.best, self.best_epoch = monitored, self.epoch
        self.stopped = bool(patience) and self.epoch - self.best_epoch >= patience
        return better

    def to_json(self) -> dict[str, Any]:
        """Return plain dictionaries."""
        return asdict(self)

    @classmethod
    def from_json(cls, content: dict[str, Any]) -> Self:
        """Undo `to_json`."""
        history = [EpochRecord(**record) for record in content["history"]]
        return cls(**{**content, "history": history})
