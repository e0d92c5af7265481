"""Scores of predicted amounts, with row weights."""

import numpy as np
import numpy.typing as npt

Vector = npt.NDArray[np.floating]


class RegressionScores:
    """Scores of fixed predictions under changing row weights.

    Args:
        target: Observed amounts, `(rows,)`.
        predicted: `(rows,)`.
    """

    def __init__(self, target: Vector, predicted: Vector) -> None:
        self._target = target.astype(np.float64)
        error = predicted.astype(np.float64) - self._target
        self._absolute, self._square = np.abs(error), error**2

    def __call__(self, weight: Vector) -> dict[str, float]:
        """Score under row weights, `(rows,)`.

        Returns:
            `rmse`, `mae`, `r2`; the last NaN where the targets do not differ.
        """
        weight = weight.astype(np.float64)
        total = weight.sum()
        mean = weight @ self._target / total
        variance = weight @ (self._target - mean) ** 2 / total
        square = weight @ self._square / total
        return {
            "rmse": float(np.sqrt(square)),
            "mae": float(weight @ self._absolute / total),
            "r2": float(1 - square / variance) if variance > 0 else float("nan"),
        }
