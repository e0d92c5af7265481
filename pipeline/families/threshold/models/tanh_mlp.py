"""A network small enough to compute by hand: one hidden layer and one output, both with tanh."""

from collections.abc import Iterator
from typing import Any

import keras
import numpy as np
import numpy.typing as npt
from keras import ops

from pipeline.families.threshold.settings import TanhMlp

BATCH = 65_536
Vector = npt.NDArray[np.float32]


def tanh_mlp(dimensions: int, settings: TanhMlp) -> keras.Model:
    """Build the network: from `point`, shape (batch, dimensions), to an output between -1 and 1, shape (batch, 1).

    Args:
        dimensions: Number of coordinates of a point.
        settings: The `model` section.
    """
    point = values = keras.Input((dimensions,), name="point")
    if settings.hidden_units:
        values = keras.layers.Dense(settings.hidden_units, "tanh", name="hidden")(values)
    return keras.Model({"point": point}, keras.layers.Dense(1, "tanh", name="output")(values), name="tanh_mlp")


def hinge_loss(target: Any, output: Any) -> Any:
    """Return the mean of `max(0, 1 - label · output)`, shape (); labels are +1 and -1."""
    return ops.mean(ops.maximum(0.0, 1.0 - target[:, None] * output))


def outputs(model: keras.Model, points: Vector) -> Vector:
    """Return the network's output for each point, shape (points,)."""
    results = [model.predict_on_batch({"point": part}) for part in parts(points, BATCH)]
    return np.concatenate(results)[:, 0] if results else np.empty(0, np.float32)


def parts(points: Vector, size: int) -> Iterator[Vector]:
    """Yield points in order, `size` at a time."""
    for start in range(0, len(points), size):
        yield points[start : start + size]
