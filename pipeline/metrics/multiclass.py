"""Scores of class probabilities, with row weights."""

import numpy as np
import numpy.typing as npt

from pipeline.metrics.binary import CLIP, Ranking, area

Vector = npt.NDArray[np.floating]


class MulticlassScores:
    """Scores of fixed predictions under changing row weights.

    Args:
        target: Codes of classes, `(rows,)`.
        probability: Of each class, `(rows, classes)`.
    """

    def __init__(self, target: Vector, probability: Vector) -> None:
        codes = target.astype(np.int64)
        own = np.clip(probability[np.arange(len(codes)), codes].astype(np.float64), CLIP, 1)
        self._log_loss = -np.log(own)
        self._right = (probability.argmax(axis=1) == codes).astype(np.float64)
        self._rankings = [Ranking(codes == i, probability[:, i]) for i in range(probability.shape[1])]

    def __call__(self, weight: Vector) -> dict[str, float]:
        """Score under row weights, `(rows,)`.

        Returns:
            `auc_macro` (each class against the others, their mean; classes without weight left out), `log_loss`,
            `accuracy`.
        """
        weight = weight.astype(np.float64)
        total = weight.sum()
        areas = np.array([area(*ranking.steps(weight)) for ranking in self._rankings])
        known = areas[~np.isnan(areas)]
        return {
            "auc_macro": float(known.mean()) if known.size else float("nan"),
            "log_loss": float(weight @ self._log_loss / total),
            "accuracy": float(weight @ self._right / total),
        }
