"""Multiclass targets, and scores with row weights."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from pipeline.families.table.metrics.binary import CLIP, Ranking, area
from pipeline.families.table.metrics.curves import sure_and_right
from pipeline.families.table.metrics.target_kind import Array, Classes, Loss, counted, weighted_mean
from pipeline.metrics.curve import Curve
from pipeline.tasks.column import Column

if TYPE_CHECKING:
    import keras
    import pyarrow as pa

Vector = npt.NDArray[np.floating]


class MulticlassScores:
    """Scores of fixed predictions under changing row weights.

    Args:
        target: Class codes, shape (rows,).
        probability: Predicted probability of each class, shape (rows, classes).
    """

    def __init__(self, target: Vector, probability: Vector) -> None:
        codes = target.astype(np.int64)
        own = np.clip(probability[np.arange(len(codes)), codes].astype(np.float64), CLIP, 1)
        self._log_loss = -np.log(own)
        self._right = (probability.argmax(axis=1) == codes).astype(np.float64)
        self._rankings = [Ranking(codes == i, probability[:, i]) for i in range(probability.shape[1])]

    def __call__(self, weight: Vector) -> dict[str, float]:
        """Return the scores under row weights, shape (rows,).

        Returns:
            `auc_macro` (mean AUC of each class against the others, without classes that have no weight), `log_loss`,
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
    """Several classes: the network returns one probability per class and minimises cross-entropy."""

    name = "multiclass"
    boosting = {"objective": "multiclass", "metric": "multi_logloss"}  # noqa: RUF012  (ClassVar of the base)

    @property
    def units(self) -> int:
        """Number of classes."""
        return len(self.classes)

    def head(self, values: "keras.KerasTensor") -> "keras.KerasTensor":
        """Return the probabilities of the classes, shape (batch, classes)."""
        import keras

        return keras.layers.Activation("softmax", dtype="float32", name="probabilities")(values)

    def loss(self, label_smoothing: float = 0.0, class_weights: Sequence[float] | None = None) -> Loss:
        """Return the categorical cross-entropy."""
        import keras
        from keras import ops

        def loss(target: Any, output: Any) -> Any:
            losses = ops.sparse_categorical_crossentropy(ops.cast(target, "int32"), output)
            if label_smoothing:
                uniform = -ops.mean(ops.log(ops.maximum(output, keras.config.epsilon())), axis=-1)
                losses = (1 - label_smoothing) * losses + label_smoothing * uniform
            return weighted_mean(losses, target, class_weights)

        return loss

    def score(self, target: Array, output: Array) -> MulticlassScores:
        """Return the scores of class probabilities."""
        return MulticlassScores(target, output)

    def errors(self, target: Array, output: Array) -> Array:
        """Return 1 - the probability of each row's own class."""
        own: Array = 1 - output[np.arange(len(target)), target.astype(np.int64)]
        return own

    def confusion(self, target: Array, output: Array) -> npt.NDArray[np.int64]:
        """Return the number of rows by their class and by the most probable class, shape (classes, classes)."""
        return counted(target, output.argmax(axis=1), len(self.classes))

    def curves(self, target: Array, output: Array) -> dict[str, Curve]:
        """Return the calibration curve of the most probable class."""
        return {"calibration": sure_and_right(target, output)}

    def columns(self) -> list[Column]:
        """Return the most probable class, and the probability of each class."""
        return [Column("prediction", False), *(Column(f"probability_{name}", True) for name in self.classes)]

    def predictions(self, output: Array) -> "pa.Table":
        """Return the most probable class, and the probability of each class."""
        import pyarrow as pa

        likeliest = pa.array(list(self.classes)).take(pa.array(output.argmax(axis=1)))
        return pa.table([likeliest, *(pa.array(output[:, i]) for i in range(output.shape[1]))], names=self._names())

    def indicators(self, target: Array) -> npt.NDArray[np.float64]:
        """Return the one-hot encoded classes, shape (rows, classes)."""
        one_hot: npt.NDArray[np.float64] = np.eye(len(self.classes))[target.astype(int)]
        return one_hot

    def constant(self, target: Array, rows: int) -> Array:
        """Return the class frequencies."""
        return np.tile(np.bincount(target.astype(int), minlength=len(self.classes)) / len(target), (rows, 1))

    def quality(self, target: Array, output: Array) -> float:
        """Return the negative log loss."""
        return -MulticlassScores(target, output)(np.ones(len(target)))["log_loss"]

    def _outputs(self, probability: Array, fitted: Array) -> Array:
        outputs = np.zeros((len(probability), len(self.classes)))
        outputs[:, fitted] = probability
        return outputs
