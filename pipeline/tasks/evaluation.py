"""The interface that `evaluate` requires of a family."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from pipeline.config import Evaluate
from pipeline.tasks.task import Task

if TYPE_CHECKING:
    import pyarrow as pa

    from pipeline.metrics import Curve, Importance, Score, Slice


@dataclass(frozen=True)
class Scores:
    """The scores of one split.

    Attributes:
        values: Name → score.
        intervals: Name → lower and upper end of the score's confidence interval.
        samples: Name → the score of each bootstrap sample, shape (samples,).
        examples: The number of scored examples.
        groups: The number of groups that were resampled.
    """

    values: dict[str, float]
    intervals: dict[str, tuple[float, float]]
    samples: "dict[str, npt.NDArray[np.float64]]" = field(default_factory=dict, compare=False)
    examples: int = 0
    groups: int = 0

    @classmethod
    def resampled(cls, score: "Score", groups: Any, settings: Evaluate) -> "Scores":
        """Score a split, with bootstrap intervals.

        Args:
            score: Row weights, shape (rows,) → scores by name.
            groups: Group of each row, shape (rows,); each group is resampled as a whole.
            settings: The number of bootstrap samples and the confidence level.
        """
        from pipeline.metrics import interval, resampled

        samples = resampled(score, groups, settings.bootstrap_samples)
        ranges = {name: interval(values, settings.confidence) for name, values in samples.items()}
        return cls(score(np.ones(len(groups))), ranges, samples, len(groups), len(np.unique(groups)))

    def flat(self) -> dict[str, float]:
        """Return `NAME`, `NAME_low` and `NAME_high` in one dictionary."""
        rows = {}
        for name, value in self.values.items():
            rows[name] = value
            if name in self.intervals:
                rows[f"{name}_low"], rows[f"{name}_high"] = self.intervals[name]
        return rows


@dataclass(frozen=True)
class Evaluation:
    """The result of an evaluation.

    Attributes:
        scores: Split → scores.
        curves: Name → curve of the test split.
        predictions: Split → the predictions behind the scores.
        notes: Name → text to show next to the scores.
        write_extras: Writes the family's additional files to the folder of predictions, after the predictions, and
            returns a line that names them.
        diagonals: Names of the curves that are drawn with the diagonal from (0, 0) to (1, 1).
        validation_outputs: Outputs for the validation rows, shape (rows, units), each by a network that was not trained
            on the row; None if they cannot be averaged with those of another model.
        score_validation: Scores other outputs for the validation rows, shape (rows, units).
        importances: Importance of the columns for the headline score on the validation rows, most important first.
        slices: The headline score of parts of the test examples.
        worst: The test examples with the largest errors, worst first, with what the network saw of them.
        confusion: Names of the classes, and how many test examples of each were taken for which, shape (classes,
            classes); None if there are no classes, or too many.
        parameters: The number of weights of the network; None if it is not known.
        identity: The columns of `predictions["test"]` that say which examples these are, whatever the network; empty
            if only the files of the prepared test examples do.
    """

    scores: dict[str, Scores]
    curves: dict[str, "Curve"]
    predictions: dict[str, "pa.Table"]
    notes: dict[str, str] = field(default_factory=dict)
    write_extras: Callable[[Path], str] | None = None
    diagonals: Sequence[str] = ()
    validation_outputs: "npt.NDArray[Any] | None" = None
    score_validation: "Callable[[npt.NDArray[Any]], Scores] | None" = None
    importances: "Sequence[Importance]" = ()
    slices: "Sequence[Slice]" = ()
    worst: "pa.Table | None" = None
    confusion: "tuple[Sequence[str], npt.NDArray[np.integer[Any]]] | None" = None
    identity: Sequence[str] = ()
    parameters: int | None = None


class EvaluationTask(Task, ABC):
    """Scores the trained network of one experiment."""

    def facts(self) -> dict[str, str]:
        """Return what the data are and how they were split, in words by name, for the card of the model."""
        return {}

    def suggestions(self) -> list[str]:
        """Return settings to try where a simpler model is better than the network, such as `data.folds=5`."""
        return []

    @abstractmethod
    def evaluate(self, folder: Path) -> Evaluation:
        """Score a saved network on the test and validation splits."""

    def importances(self, folder: Path) -> "list[Importance]":
        """Return the importance of each column of a saved network on the validation rows; empty without columns."""
        return []
