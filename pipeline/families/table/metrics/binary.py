"""Targets of two classes, and their scores with row weights, fast enough to be resampled a thousand times."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from pipeline.families.table.metrics.curves import calibration, precision_recall, roc
from pipeline.families.table.metrics.target_kind import Array, Classes, Loss, weighted_mean
from pipeline.metrics.curve import Curve
from pipeline.tasks.column import Column

if TYPE_CHECKING:
    import keras

Vector = npt.NDArray[np.floating]
CLIP = 1e-7
"""Probabilities are kept this far from 0 and 1: float32 knows no nearer, and one sure mistake must not be infinite."""


class Ranking:
    """The order of fixed predictions, under changing row weights.

    Args:
        positive: Which rows are, `(rows,)`.
        probability: Of being so, `(rows,)`.
    """

    def __init__(self, positive: npt.NDArray[Any], probability: Vector) -> None:
        self._order = np.argsort(-probability, kind="stable")
        self._positive = positive[self._order].astype(np.float64)
        # Rows of equal probability are one step of the curves, whatever their order.
        self._starts = np.flatnonzero(np.r_[True, np.diff(probability[self._order].astype(np.float64)) != 0])

    def steps(self, weight: Vector) -> tuple[Vector, Vector]:
        """Return the weight of positives and of negatives at each step, from the highest probability down."""
        weight = weight[self._order]
        positive = np.add.reduceat(weight * self._positive, self._starts)
        return positive, np.add.reduceat(weight, self._starts) - positive


class BinaryScores:
    """Scores of fixed predictions under changing row weights: what hangs on the order alone is worked out once.

    Args:
        target: 0 or 1, `(rows,)`.
        probability: Of 1, `(rows,)`.
    """

    def __init__(self, target: Vector, probability: Vector) -> None:
        self._ranking = Ranking(target == 1, probability)
        target, probability = target.astype(np.float64), probability.astype(np.float64)
        clipped = np.clip(probability, CLIP, 1 - CLIP)
        self._log_loss = -(target * np.log(clipped) + (1 - target) * np.log1p(-clipped))
        self._brier = (probability - target) ** 2
        self._right = ((probability >= 0.5) == (target == 1)).astype(np.float64)

    def __call__(self, weight: Vector) -> dict[str, float]:
        """Score under row weights, `(rows,)`.

        Returns:
            `auc`, `average_precision`, `accuracy`, `log_loss`, `brier`; the first two NaN where a class has no weight.
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
    """Score with equal weights."""
    return BinaryScores(target, probability)(np.ones(len(target)))


def area(positive: Vector, negative: Vector) -> float:
    """Return the area under the ROC curve of a ranking's steps; NaN where a class has no weight."""
    # A negative is beaten by all positives of the steps above and by half of its equals.
    beaten = np.cumsum(positive) - positive / 2
    pairs = positive.sum() * negative.sum()
    return float(beaten @ negative / pairs) if pairs > 0 else float("nan")


def _average_precision(positive: Vector, negative: Vector) -> float:
    found, taken = np.cumsum(positive), np.cumsum(positive + negative)
    if not found[-1] > 0:
        return float("nan")
    precision = np.divide(found, taken, out=np.zeros_like(found), where=taken > 0)
    return float(positive @ precision / found[-1])


class Binary(Classes):
    """Two classes: one probability, cross-entropy."""

    name = "binary"
    boosting = {"objective": "binary", "metric": "auc"}  # noqa: RUF012  (declared as ClassVar by the base)

    def head(self, values: "keras.KerasTensor") -> "keras.KerasTensor":
        """Return the probability of the second class, shape (batch, 1)."""
        import keras

        return keras.layers.Activation("sigmoid", dtype="float32", name="probability")(values)

    def loss(self, label_smoothing: float = 0.0, class_weights: Sequence[float] | None = None) -> Loss:
        """Return binary cross-entropy."""
        from keras import ops

        def loss(target: Any, output: Any) -> Any:
            smoothed = target * (1 - label_smoothing) + label_smoothing / 2
            return weighted_mean(ops.binary_crossentropy(smoothed, output[:, 0]), target, class_weights)

        return loss

    def score(self, target: Array, output: Array) -> BinaryScores:
        """Return ranking and probability scores."""
        return BinaryScores(target, output[:, 0])

    def curves(self, target: Array, output: Array) -> dict[str, Curve]:
        """Return the ROC, precision and recall, and calibration."""
        probability = output[:, 0]
        return {
            "roc": roc(target, probability),
            "precision_recall": precision_recall(target, probability),
            "calibration": calibration(target, probability),
        }

    def columns(self) -> list[Column]:
        """Return the probability of the second class."""
        return [Column("probability", True)]

    def indicators(self, target: Array) -> npt.NDArray[np.float64]:
        """Return the standardised target."""
        found: npt.NDArray[np.float64] = ((target - self.mean) / self.std)[:, None]
        return found

    def constant(self, target: Array, rows: int) -> Array:
        """Return the share of the second class."""
        return np.full((rows, 1), float(target.mean()))

    def quality(self, target: Array, output: Array) -> float:
        """Return the area under the ROC curve."""
        return binary_scores(target, output[:, 0])["auc"]

    def _outputs(self, probability: Array, found: Array) -> Array:
        return probability[:, 1:]
