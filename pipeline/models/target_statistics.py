"""What the target was for each category, looked up: how a network that learned from such numbers takes codes alone."""

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
import numpy.typing as npt
from keras import ops

STATISTICS = "statistics"
"""Input of a network that learns from them."""


@keras.saving.register_keras_serializable(package="onehot")
class TargetStatistics(keras.layers.Layer):
    """Looks up the numbers of each column's code.

    Input: codes `(batch, columns)`, column `c` in `0 … cardinalities[c] - 1`. Output: `(batch, columns · width)`.

    Args:
        cardinalities: Number of codes of each column.
        width: Numbers of a code.
    """

    def __init__(self, cardinalities: Sequence[int], width: int, **kwargs: Any) -> None:
        super().__init__(trainable=False, **kwargs)
        self.cardinalities, self.width = [int(n) for n in cardinalities], width
        # Row of the table at which each column begins.
        self.offsets = np.cumsum([0, *self.cardinalities[:-1]]).astype("int32")

    def build(self, _codes_shape: Any) -> None:
        """Make the table `(sum of cardinalities, width)`."""
        shape = (sum(self.cardinalities), self.width)
        self.table = self.add_weight(shape=shape, initializer="zeros", name="table", trainable=False)
        self.built = True

    def call(self, codes: Any) -> Any:
        """Look up."""
        found = ops.take(self.table, codes + self.offsets, axis=0)
        return ops.reshape(found, (-1, len(self.cardinalities) * self.width))

    def get_config(self) -> dict[str, Any]:
        """Return what `from_config` needs."""
        config = {name: value for name, value in super().get_config().items() if name != "trainable"}
        return {**config, "cardinalities": self.cardinalities, "width": self.width}


def with_statistics(
    network: keras.Model, cardinalities: Sequence[int], tables: npt.NDArray[np.float32], name: str
) -> keras.Model:
    """Return a network that looks the statistics up by itself; it shares the other's weights.

    Args:
        network: Takes `categorical`, `statistics` and what else it takes.
        cardinalities: Number of codes of each column of `categorical`.
        tables: `(sum of cardinalities, width)`.
        name: Of the whole.
    """
    inputs = {
        tensor.name: keras.Input(tensor.shape[1:], dtype=tensor.dtype, name=tensor.name)
        for tensor in network.inputs
        if tensor.name != STATISTICS
    }
    layer = TargetStatistics(cardinalities, tables.shape[1], name="target_statistics", dtype="float32")
    output = network({**inputs, STATISTICS: layer(inputs["categorical"])})
    layer.table.assign(tables)
    return keras.Model(inputs, output, name=name)


def network_of(model: keras.Model) -> keras.Model:
    """Return what `with_statistics` was given, or the network itself."""
    if any(isinstance(layer, TargetStatistics) for layer in model.layers):
        return next(layer for layer in model.layers if isinstance(layer, keras.Model))
    return model
