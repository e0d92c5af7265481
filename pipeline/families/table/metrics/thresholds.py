"""The threshold above which a row counts as one of the second class, and what its errors cost."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.metrics import roc_curve

from pipeline.metrics.curve import Curve

POINTS = 101
"""Number of thresholds of the curve, from 0 to 1."""
Vector = npt.NDArray[Any]


@dataclass(frozen=True)
class Costs:
    """The cost of each kind of error: a row of the first class taken for the second, and the reverse."""

    false_positive: float
    false_negative: float

    def per_row(self, target: Vector, probability: Vector, threshold: float) -> float:
        """Return the mean cost of a row if those with at least this probability count as positive."""
        positive = probability >= threshold
        false_positives = np.mean(positive & (target == 0))
        false_negatives = np.mean(~positive & (target == 1))
        return float(self.false_positive * false_positives + self.false_negative * false_negatives)

    def best_threshold(self, target: Vector, probability: Vector) -> float:
        """Return the threshold of lowest cost; of several that are as good, the one nearest to .5.

        Args:
            target: Targets, 0 or 1, shape (rows,).
            probability: Predicted probability of 1, shape (rows,).
        """
        false_positive, true_positive, thresholds = roc_curve(target, probability, drop_intermediate=False)
        negatives, positives = np.mean(target == 0), np.mean(target == 1)
        costs = self.false_positive * negatives * false_positive
        costs = costs + self.false_negative * positives * (1 - true_positive)
        # The first one is infinite: no row is positive.
        bounded = np.clip(thresholds, 0, np.nextafter(1, 2))
        best = bounded[costs <= costs.min() + 1e-12]
        return float(best[np.argmin(np.abs(best - 0.5))])


def threshold_curve(target: Vector, probability: Vector, costs: Costs) -> Curve:
    """Return the cost and the rates of errors by threshold: `threshold`, `cost` per row, and three shares."""
    thresholds = np.linspace(0, 1, POINTS)
    order = np.sort(probability[target == 1]), np.sort(probability[target == 0])
    hits, alarms = (len(part) - np.searchsorted(part, thresholds) for part in order)
    chosen = hits + alarms
    return {
        "threshold": thresholds.tolist(),
        "cost": [costs.per_row(target, probability, float(threshold)) for threshold in thresholds],
        "true_positive_rate": (hits / max(len(order[0]), 1)).tolist(),
        "false_positive_rate": (alarms / max(len(order[1]), 1)).tolist(),
        "precision": np.divide(hits, chosen, out=np.ones(POINTS), where=chosen > 0).tolist(),
    }
