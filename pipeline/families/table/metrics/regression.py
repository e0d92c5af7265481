"""Numeric targets, and scores with row weights."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from pipeline.families.table.metrics.curves import calibration, residuals
from pipeline.families.table.metrics.target_kind import Array, Loss, TargetKind, unconverged_is_fine
from pipeline.metrics.curve import Curve
from pipeline.tasks.column import Column

if TYPE_CHECKING:
    import keras

Vector = npt.NDArray[np.floating]


class RegressionScores:
    """Scores of fixed predictions under changing row weights.

    Args:
        target: Observed amounts, shape (rows,).
        predicted: Predicted amounts, shape (rows,).
    """

    def __init__(self, target: Vector, predicted: Vector) -> None:
        self._target = target.astype(np.float64)
        error = predicted.astype(np.float64) - self._target
        self._absolute, self._square = np.abs(error), error**2

    def __call__(self, weight: Vector) -> dict[str, float]:
        """Return the scores under row weights, shape (rows,).

        Returns:
            `rmse`, `mae`, `r2`; the last is NaN if all targets are equal.
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


class Regression(TargetKind):
    """A number: the network is trained on the standardised target and minimises the squared error."""

    name = "regression"
    boosting = {"objective": "regression", "metric": "rmse"}  # noqa: RUF012  (ClassVar of the base)

    def head(self, values: "keras.KerasTensor") -> "keras.KerasTensor":
        """Return the predicted number, shape (batch, 1), in the units of the target."""
        import keras

        return keras.layers.Rescaling(self.std, self.mean, dtype="float32", name="amount")(values)

    def loss(self, label_smoothing: float = 0.0, class_weights: Sequence[float] | None = None) -> Loss:
        """Return the mean squared error, in units of the target's variance."""
        from keras import ops

        return lambda target, output: ops.mean(ops.square((target - output[:, 0]) / self.std))

    def score(self, target: Array, output: Array) -> RegressionScores:
        """Return the scores of predicted numbers."""
        return RegressionScores(target, output[:, 0])

    def errors(self, target: Array, output: Array) -> Array:
        """Return the absolute error of each amount."""
        error: Array = np.abs(output[:, 0].astype(np.float64) - target)
        return error

    def curves(self, target: Array, output: Array) -> dict[str, Curve]:
        """Return the observed against the predicted numbers, and the distribution of the errors."""
        return {
            "predicted_and_observed": calibration(target, output[:, 0]),
            "residuals": residuals(target, output[:, 0]),
        }

    def columns(self) -> list[Column]:
        """Return one column, the predicted number."""
        return [Column("prediction", True)]

    def written_target(self, target: Array) -> Array:
        """Return the targets unchanged."""
        return target

    def indicators(self, target: Array) -> npt.NDArray[np.float64]:
        """Return the standardised target, shape (rows, 1)."""
        standardised: npt.NDArray[np.float64] = ((target - self.mean) / self.std)[:, None]
        return standardised

    def constant(self, target: Array, rows: int) -> Array:
        """Return the mean target."""
        return np.full((rows, 1), float(target.mean()))

    def linear(self, strength: float, features: Any, target: Array) -> Callable[[Any], Array]:
        """Fit a ridge regression."""
        from sklearn.linear_model import Ridge

        ridge = Ridge(alpha=1 / strength, solver="sparse_cg", tol=1e-3)
        with unconverged_is_fine():
            ridge.fit(features, (target - self.mean) / self.std)
        return lambda rows: ridge.predict(rows)[:, None] * self.std + self.mean

    def quality(self, target: Array, output: Array) -> float:
        """Return the negative root mean squared error."""
        return -RegressionScores(target, output[:, 0])(np.ones(len(target)))["rmse"]
