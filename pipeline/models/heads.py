"""What a network's last dense layer becomes, by the kind of its target, and the loss that goes with it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
from keras import ops


@dataclass(frozen=True)
class Head:
    """What is predicted.

    Attributes:
        kind: `binary`, `multiclass` or `regression`.
        classes: Their number; regressions have none.
        mean: Of the training targets; regressions are learned in units of `std` from it.
        std: Their deviation.
    """

    kind: str
    classes: int
    mean: float
    std: float

    @property
    def units(self) -> int:
        """Width of the last dense layer."""
        return self.classes if self.kind == "multiclass" else 1

    def __call__(self, values: keras.KerasTensor) -> keras.KerasTensor:
        """Turn it into a probability `(batch, 1)`, probabilities `(batch, classes)`, or an amount `(batch, 1)`."""
        if self.kind == "multiclass":
            return keras.layers.Activation("softmax", dtype="float32", name="probabilities")(values)
        if self.kind == "binary":
            return keras.layers.Activation("sigmoid", dtype="float32", name="probability")(values)
        return keras.layers.Rescaling(self.std, self.mean, dtype="float32", name="amount")(values)


def loss_of(
    kind: str, std: float, smoothing: float = 0.0, weights: Sequence[float] | None = None
) -> Callable[[Any, Any], Any]:
    """Return the mean loss of a batch: cross-entropy, or squared error in units of the targets' deviation.

    Args:
        kind: Of the target.
        std: Deviation of the training targets.
        smoothing: Share of each target that is spread evenly over the classes; not for regressions.
        weights: Of each class; not for regressions.
    """
    if kind == "regression":
        return lambda target, output: ops.mean(ops.square((target - output[:, 0]) / std))

    def loss(target: Any, output: Any) -> Any:
        if kind == "binary":
            losses = ops.binary_crossentropy(target * (1 - smoothing) + smoothing / 2, output[:, 0])
        else:
            losses = ops.sparse_categorical_crossentropy(ops.cast(target, "int32"), output)
            if smoothing:
                evenly = -ops.mean(ops.log(ops.maximum(output, keras.config.epsilon())), axis=-1)
                losses = (1 - smoothing) * losses + smoothing * evenly
        if weights is None:
            return ops.mean(losses)
        return ops.mean(losses * ops.take(np.asarray(weights, dtype="float32"), ops.cast(target, "int32")))

    return loss
