"""What a network's last dense layer becomes, by the kind of its target, and the loss that goes with it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import keras
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


def loss_of(kind: str, std: float) -> Callable[[Any, Any], Any]:
    """Return the mean loss of a batch: cross-entropy, or squared error in units of the targets' deviation.

    Args:
        kind: Of the target.
        std: Deviation of the training targets.
    """
    if kind == "binary":
        return lambda target, output: ops.mean(ops.binary_crossentropy(target, output[:, 0]))
    if kind == "multiclass":
        return lambda target, output: ops.mean(ops.sparse_categorical_crossentropy(ops.cast(target, "int32"), output))
    return lambda target, output: ops.mean(ops.square((target - output[:, 0]) / std))
