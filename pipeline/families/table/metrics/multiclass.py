"""Targets of several classes, and their scores with row weights."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from pipeline.families.table.metrics.binary import CLIP, Ranking, area
from pipeline.families.table.metrics.curves import sure_and_right
from pipeline.families.table.metrics.target_kind import Array, Classes, Loss, weighted_mean
from pipeline.metrics.curve import Curve
from pipeline.tasks.column import Column

if TYPE_CHECKING:
    import keras
    import pyarrow as pa

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


class Multiclass(Classes):
    """Several classes: a probability each, cross-entropy."""

    name = "multiclass"
    boosting = {"objective": "multiclass", "metric": "multi_logloss"}  # noqa: RUF012  (ClassVar of the base)

    @property
    def units(self) -> int:
        """One unit per class."""
        return len(self.classes)

    def head(self, values: "keras.KerasTensor") -> "keras.KerasTensor":
        """Return the probabilities of the classes, shape (batch, classes)."""
        import keras

        return keras.layers.Activation("softmax", dtype="float32", name="probabilities")(values)

    def loss(self, label_smoothing: float = 0.0, class_weights: Sequence[float] | None = None) -> Loss:
        """Return categorical cross-entropy."""
        import keras
        from keras import ops

        def loss(target: Any, output: Any) -> Any:
            losses = ops.sparse_categorical_crossentropy(ops.cast(target, "int32"), output)
            if label_smoothing:
                evenly = -ops.mean(ops.log(ops.maximum(output, keras.config.epsilon())), axis=-1)
                losses = (1 - label_smoothing) * losses + label_smoothing * evenly
            return weighted_mean(losses, target, class_weights)

        return loss

    def score(self, target: Array, output: Array) -> MulticlassScores:
        """Return scores of class probabilities."""
        return MulticlassScores(target, output)

    def curves(self, target: Array, output: Array) -> dict[str, Curve]:
        """Return the calibration of the most probable class."""
        return {"calibration": sure_and_right(target, output)}

    def columns(self) -> list[Column]:
        """Return the most probable class, and the probability of each."""
        return [Column("prediction", False), *(Column(f"probability_{name}", True) for name in self.classes)]

    def predictions(self, output: Array) -> "pa.Table":
        """Return the most probable class, and the probability of each."""
        import pyarrow as pa

        likeliest = pa.array(list(self.classes)).take(pa.array(output.argmax(axis=1)))
        return pa.table([likeliest, *(pa.array(output[:, i]) for i in range(output.shape[1]))], names=self._names())

    def indicators(self, target: Array) -> npt.NDArray[np.float64]:
        """Return a 1 in the column of each row's class."""
        found: npt.NDArray[np.float64] = np.eye(len(self.classes))[target.astype(int)]
        return found

    def constant(self, target: Array, rows: int) -> Array:
        """Return the shares of the classes."""
        return np.tile(np.bincount(target.astype(int), minlength=len(self.classes)) / len(target), (rows, 1))

    def quality(self, target: Array, output: Array) -> float:
        """Return the log loss, negated."""
        return -MulticlassScores(target, output)(np.ones(len(target)))["log_loss"]

    def _outputs(self, probability: Array, found: Array) -> Array:
        whole = np.zeros((len(probability), len(self.classes)))
        whole[:, found] = probability
        return whole
