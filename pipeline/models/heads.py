"""The last layer of a network, by the kind of its target, and the loss that goes with it."""

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

    def __call__(self, hidden: keras.KerasTensor) -> keras.KerasTensor:
        """Add the layer: probability `(batch, 1)`, probabilities `(batch, classes)`, or an amount `(batch, 1)`."""
        if self.kind == "multiclass":
            return keras.layers.Dense(self.classes, activation="softmax", name="probabilities")(hidden)
        if self.kind == "binary":
            return keras.layers.Dense(1, activation="sigmoid", name="probability")(hidden)
        standardised = keras.layers.Dense(1, name="standardised")(hidden)
        return keras.layers.Rescaling(self.std, self.mean, name="amount")(standardised)


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
