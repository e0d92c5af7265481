"""Training of one trial, and its outcome."""

import math
import time
from collections.abc import Callable, Sequence
from contextlib import redirect_stdout
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.config import Config

if TYPE_CHECKING:
    from pipeline.tasks import TrainingTask
    from pipeline.training import EpochRecord

LOG = "log.txt"
Scores = dict[str, float]


class _BudgetSpent(Exception):  # noqa: N818  (not an error: the trial keeps its scores so far)
    """A trial has reached its time limit."""


@dataclass
class Outcome:
    """The outcome of a training.

    Attributes:
        scores: Scores of the best epoch; with folds, the mean of the folds' best scores.
        when: The epoch or the number of folds, for the terminal.
        parameters: Number of trained weights, over all folds.
        seconds: Duration of the training.
    """

    scores: Scores
    when: str
    parameters: int
    seconds: float

    def values(self, metrics: Sequence[str]) -> list[float]:
        """Return the values of the optimised metrics."""
        known = {**self.scores, "parameters": float(self.parameters), "seconds": self.seconds}
        return [known[name] for name in metrics]


def trained(
    config: Config, folder: Path, on_step: "Callable[[EpochRecord], None]", seconds: float | None = None
) -> Outcome:
    """Train the network of a trial, resuming from a checkpoint if there is one; the network is not kept.

    Args:
        config: The configuration of the trial.
        folder: Folder of the checkpoints and of the log.
        on_step: Called after every epoch; with folds, after every fold, with the mean of the best scores so far.
        seconds: Seconds after which the training stops and keeps its scores so far, shared equally by the folds; None
            for no limit.

    Raises:
        TrainingError: The loss or a score is NaN or infinite.
    """
    import keras

    # Keras keeps the names and graphs of every network until this call, which also collects garbage.
    keras.backend.clear_session()
    folder.mkdir(parents=True, exist_ok=True)
    began = time.monotonic()

    def has_time(share: float = 1.0) -> bool:
        return seconds is None or time.monotonic() - began <= seconds * share

    with (folder / LOG).open("a", encoding="utf-8") as log, redirect_stdout(log):
        task: TrainingTask = config.family.load("training")(config)
        task.check()
        folds = task.folds()
        if len(folds) == 1:
            records, parameters = _train(task, folder / "checkpoints", on_step, has_time)
            best = task.best_epoch(records)
            scores, when = _scores(best), f"at epoch {best.epoch}/{len(records)}"
        else:
            scores, parameters = _train_folds(folds, folder / "checkpoints", on_step, has_time)
            when = f"over {len(folds)} folds"
    return Outcome(scores, when, parameters, time.monotonic() - began)


def _train_folds(
    folds: "Sequence[TrainingTask]",
    folder: Path,
    on_step: "Callable[[EpochRecord], None]",
    has_time: Callable[[float], bool],
) -> tuple[Scores, int]:
    """Return the mean of the folds' best scores, and the total number of their weights."""
    from pipeline.tasks import train_each_fold
    from pipeline.training import EpochRecord

    best_scores: list[Scores] = []
    parameters = 0

    def train_fold(number: int, fold: "TrainingTask") -> "Sequence[EpochRecord]":
        nonlocal parameters
        # Each fold gets a share of the time, because trials are compared over all folds.
        in_time = partial(has_time, number / len(folds))
        records, size = _train(fold, folder / f"fold_{number}", lambda _record: None, in_time)
        parameters += size
        return records

    for number, _, best in train_each_fold(folds, train_fold):
        _scores(best)  # raises on scores that are not finite, before they are reported
        best_scores.append(best.scores)
        mean = {name: sum(scores[name] for scores in best_scores) / len(best_scores) for name in best.scores}
        step = EpochRecord(number, mean, best.timestamp)
        on_step(step)
    return _scores(step), parameters


def _train(
    task: "TrainingTask", folder: Path, on_epoch: "Callable[[EpochRecord], None]", has_time: Callable[[], bool]
) -> "tuple[list[EpochRecord], int]":
    """Train; return the scores of the epochs and the number of trained weights."""
    from pipeline.training import Checkpoints

    records = []

    def on_epoch_end(record: "EpochRecord") -> None:
        records.append(record)
        on_epoch(record)
        if not has_time():
            raise _BudgetSpent

    model = task.initial_model()
    checkpoints = Checkpoints(folder)
    try:
        task.train(model, checkpoints.latest(task.config.train.epochs), checkpoints, on_epoch_end)
    except _BudgetSpent:
        print("stopped at the time limit of the trial")
    return records, sum(math.prod(weight.shape) for weight in model.trainable_weights)


def _scores(record: "EpochRecord") -> Scores:
    """Return the scores by their metric names.

    Raises:
        TrainingError: A score is NaN or infinite.
    """
    from pipeline.tracking import metric_name
    from pipeline.training import TrainingError

    scores = {metric_name(name): value for name, value in record.scores.items()}
    if not all(math.isfinite(value) for value in scores.values()):
        raise TrainingError(f"a score of epoch {record.epoch} is NaN or infinite: {scores}")
    return scores
