"""A network small enough to be worked out by hand: one hidden layer, one output, tanh in both."""

from dataclasses import dataclass
from typing import Any

import keras
from keras import ops


@dataclass(frozen=True)
class TanhMlpSettings:
    """Axes of the network; `conf/model/tanh_mlp.yaml` says what they mean."""

    hidden_units: int


def tanh_mlp(dimensions: int, settings: TanhMlpSettings) -> keras.Model:
    """Make the network: `point (batch, dimensions)` → `(batch, 1)`, between -1 and 1.

    Args:
        dimensions: Coordinates of a point.
        settings: Axes.
    """
    point = values = keras.Input((dimensions,), name="point")
    if settings.hidden_units:
        values = keras.layers.Dense(settings.hidden_units, "tanh", name="hidden")(values)
    return keras.Model({"point": point}, keras.layers.Dense(1, "tanh", name="output")(values), name="tanh_mlp")


def hinge_loss(target: Any, output: Any) -> Any:
    """Return the mean of `max(0, 1 - label · output)`; labels are +1 and -1."""
    return ops.mean(ops.maximum(0.0, 1.0 - target[:, None] * output))
