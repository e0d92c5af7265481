"""Scores of probabilities for a yes-or-no question, with row weights, fast enough to be resampled a thousand times."""

import numpy as np
import numpy.typing as npt

Vector = npt.NDArray[np.floating]
HIGHER_IS_BETTER = {"auc": True, "average_precision": True, "accuracy": True, "log_loss": False, "brier": False}
CLIP = 1e-7
"""Probabilities are kept this far from 0 and 1: float32 knows no nearer, and one sure mistake must not be infinite."""


class BinaryScores:
    """Scores of fixed predictions under changing row weights: what hangs on the order alone is worked out once.

    Args:
        target: 0 or 1, `(rows,)`.
        probability: Of 1, `(rows,)`.
    """

    def __init__(self, target: Vector, probability: Vector) -> None:
        order = np.argsort(-probability, kind="stable")
        target, probability = target[order].astype(np.float64), probability[order].astype(np.float64)
        clipped = np.clip(probability, CLIP, 1 - CLIP)
        # Rows of equal probability are one step of the curves, whatever their order.
        self._starts = np.flatnonzero(np.r_[True, np.diff(probability) != 0])
        self._order, self._positive = order, target
        self._log_loss = -(target * np.log(clipped) + (1 - target) * np.log1p(-clipped))
        self._brier = (probability - target) ** 2
        self._right = ((probability >= 0.5) == (target == 1)).astype(np.float64)

    def __call__(self, weight: Vector) -> dict[str, float]:
        """Score under row weights, `(rows,)` in the order of the constructor's arrays.

        Returns:
            `auc`, `average_precision`, `accuracy`, `log_loss`, `brier`; the first two NaN where a class has no weight.
        """
        weight = weight[self._order].astype(np.float64)
        total = weight.sum()
        positive = np.add.reduceat(weight * self._positive, self._starts)
        negative = np.add.reduceat(weight, self._starts) - positive
        return {
            "auc": _auc(positive, negative),
            "average_precision": _average_precision(positive, negative),
            "accuracy": float(weight @ self._right / total),
            "log_loss": float(weight @ self._log_loss / total),
            "brier": float(weight @ self._brier / total),
        }


def binary_scores(target: Vector, probability: Vector) -> dict[str, float]:
    """Score with equal weights."""
    return BinaryScores(target, probability)(np.ones(len(target)))


def _auc(positive: Vector, negative: Vector) -> float:
    # Steps go from the highest probability down: a negative is beaten by all positives above and half of its equals.
    beaten = np.cumsum(positive) - positive / 2
    pairs = positive.sum() * negative.sum()
    return float(beaten @ negative / pairs) if pairs > 0 else float("nan")


def _average_precision(positive: Vector, negative: Vector) -> float:
    found, taken = np.cumsum(positive), np.cumsum(positive + negative)
    if not found[-1] > 0:
        return float("nan")
    precision = np.divide(found, taken, out=np.zeros_like(found), where=taken > 0)
    return float(positive @ precision / found[-1])
