"""Trains one network per fold, sequentially."""

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

from pipeline.tasks.training import TrainingTask

if TYPE_CHECKING:
    from pipeline.training import EpochRecord

TrainFold = Callable[[int, TrainingTask], "Sequence[EpochRecord]"]
"""Number of the fold, from 1, and its training → the scores of its epochs."""


def train_each_fold(
    folds: Sequence[TrainingTask], train_fold: TrainFold
) -> "Iterator[tuple[int, Sequence[EpochRecord], EpochRecord]]":
    """Yield the number of each fold, the scores of its epochs, and its best epoch.

    Args:
        folds: The result of `TrainingTask.folds`.
        train_fold: Trains one of them.
    """
    for number, fold in enumerate(folds, 1):
        history = train_fold(number, fold)
        yield number, history, fold.best_epoch(history)
