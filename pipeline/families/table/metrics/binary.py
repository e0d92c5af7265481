"""Binary targets, and scores with row weights that are fast enough for a thousand resamples."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from pipeline.families.table.metrics.curves import calibration, precision_recall, roc
from pipeline.families.table.metrics.target_kind import Array, Classes, Loss, counted, weighted_mean
from pipeline.metrics.curve import Curve
from pipeline.tasks.column import Column

if TYPE_CHECKING:
    import keras

Vector = npt.NDArray[np.floating]
CLIP = 1e-7
"""Distance that probabilities keep from 0 and 1: about the precision of float32; keeps the log loss finite."""


class Ranking:
    """The ranking of fixed predictions, under changing row weights.

    Args:
        positive: Whether each row is positive, shape (rows,).
        probability: Predicted probability that it is, shape (rows,).
    """

    def __init__(self, positive: npt.NDArray[Any], probability: Vector) -> None:
        self._order = np.argsort(-probability, kind="stable")
        self._positive = positive[self._order].astype(np.float64)
        # Rows of equal probability form one step of the curves, so that their order does not matter.
        self._starts = np.flatnonzero(np.r_[True, np.diff(probability[self._order].astype(np.float64)) != 0])

    def steps(self, weight: Vector) -> tuple[Vector, Vector]:
        """Return the weights of positives and of negatives at each step, highest probability first, shape (steps,)."""
        weight = weight[self._order]
        positive = np.add.reduceat(weight * self._positive, self._starts)
        return positive, np.add.reduceat(weight, self._starts) - positive


class BinaryScores:
    """Scores of fixed predictions under changing row weights; whatever depends on the order only is computed once.

    Args:
        target: Targets, 0 or 1, shape (rows,).
        probability: Predicted probability of 1, shape (rows,).
    """

    def __init__(self, target: Vector, probability: Vector) -> None:
        self._ranking = Ranking(target == 1, probability)
        target, probability = target.astype(np.float64), probability.astype(np.float64)
        clipped = np.clip(probability, CLIP, 1 - CLIP)
        self._log_loss = -(target * np.log(clipped) + (1 - target) * np.log1p(-clipped))
        self._brier = (probability - target) ** 2
        self._right = ((probability >= 0.5) == (target == 1)).astype(np.float64)

    def __call__(self, weight: Vector) -> dict[str, float]:
        """Return the scores under row weights, shape (rows,).

        Returns:
            `auc`, `average_precision`, `accuracy`, `log_loss`, `brier`; the first two are NaN if a class has no weight.
        """
        weight = weight.astype(np.float64)
        total = weight.sum()
        positive, negative = self._ranking.steps(weight)
        return {
            "auc": area(positive, negative),
            "average_precision": _average_precision(positive, negative),
            "accuracy": float(weight @ self._right / total),
            "log_loss": float(weight @ self._log_loss / total),
            "brier": float(weight @ self._brier / total),
        }


def binary_scores(target: Vector, probability: Vector) -> dict[str, float]:
    """Return the scores with equal row weights."""
    return BinaryScores(target, probability)(np.ones(len(target)))


def area(positive: Vector, negative: Vector) -> float:
    """Return the area under the ROC curve of a ranking's steps; NaN if a class has no weight."""
    # Each negative ranks below all positives of the steps above, and below half of those of its own step.
    above = np.cumsum(positive) - positive / 2
    pairs = positive.sum() * negative.sum()
    return float(above @ negative / pairs) if pairs > 0 else float("nan")


def _average_precision(positive: Vector, negative: Vector) -> float:
    hits, retrieved = np.cumsum(positive), np.cumsum(positive + negative)
    if not hits[-1] > 0:
        return float("nan")
    precision = np.divide(hits, retrieved, out=np.zeros_like(hits), where=retrieved > 0)
    return float(positive @ precision / hits[-1])


class Binary(Classes):
    """Two classes: the network returns one probability and minimises cross-entropy."""

    name = "binary"
    boosting = {"objective": "binary", "metric": "auc"}  # noqa: RUF012  (declared as ClassVar by the base)

    def head(self, values: "keras.KerasTensor") -> "keras.KerasTensor":
        """Return the probability of the second class, shape (batch, 1)."""
        import keras

        return keras.layers.Activation("sigmoid", dtype="float32", name="probability")(values)

    def loss(self, label_smoothing: float = 0.0, class_weights: Sequence[float] | None = None) -> Loss:
        """Return the binary cross-entropy."""
        from keras import ops

        def loss(target: Any, output: Any) -> Any:
            smoothed = target * (1 - label_smoothing) + label_smoothing / 2
            return weighted_mean(ops.binary_crossentropy(smoothed, output[:, 0]), target, class_weights)

        return loss

    def score(self, target: Array, output: Array) -> BinaryScores:
        """Return the ranking and probability scores."""
        return BinaryScores(target, output[:, 0])

    def errors(self, target: Array, output: Array) -> Array:
        """Return the distance of each probability from the target."""
        distance: Array = np.abs(output[:, 0] - target)
        return distance

    def confusion(self, target: Array, output: Array) -> npt.NDArray[np.int64]:
        """Return how many rows of each class are taken for which at the threshold .5, shape (2, 2)."""
        return counted(target, output[:, 0] >= 0.5, 2)

    def curves(self, target: Array, output: Array) -> dict[str, Curve]:
        """Return the ROC, precision-recall and calibration curves."""
        probability = output[:, 0]
        return {
            "roc": roc(target, probability),
            "precision_recall": precision_recall(target, probability),
            "calibration": calibration(target, probability),
        }

    def columns(self) -> list[Column]:
        """Return one column, the probability of the second class."""
        return [Column("probability", True)]

    def indicators(self, target: Array) -> npt.NDArray[np.float64]:
        """Return the standardised target, shape (rows, 1)."""
        standardised: npt.NDArray[np.float64] = ((target - self.mean) / self.std)[:, None]
        return standardised

    def constant(self, target: Array, rows: int) -> Array:
        """Return the frequency of the second class."""
        return np.full((rows, 1), float(target.mean()))

    def quality(self, target: Array, output: Array) -> float:
        """Return the area under the ROC curve."""
        return binary_scores(target, output[:, 0])["auc"]

    def _outputs(self, probability: Array, fitted: Array) -> Array:
        return probability[:, 1:]
