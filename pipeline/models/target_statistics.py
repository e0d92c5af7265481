"""Lookup of target statistics by category, so that a network trained on them needs only codes as input."""

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
import numpy.typing as npt
from keras import ops

STATISTICS = "statistics"
"""Name of the input for target statistics."""


@keras.saving.register_keras_serializable(package="onehot")
class TargetStatistics(keras.layers.Layer):
    """Looks up the target statistics of the code in each column.

    Input: codes of shape (batch, columns), column `c` in `0 … cardinalities[c] - 1`. Output: shape
    (batch, columns · width).

    Args:
        cardinalities: The number of codes of each column.
        width: The number of statistics per code.
    """

    def __init__(self, cardinalities: Sequence[int], width: int, **kwargs: Any) -> None:
        super().__init__(trainable=False, **kwargs)
        self.cardinalities, self.width = [int(n) for n in cardinalities], width
        # The first row of each column in the table.
        self.offsets = np.cumsum([0, *self.cardinalities[:-1]]).astype("int32")

    def build(self, _codes_shape: Any) -> None:
        """Create the table, shape (sum of cardinalities, width)."""
        shape = (sum(self.cardinalities), self.width)
        self.table = self.add_weight(shape=shape, initializer="zeros", name="table", trainable=False)
        self.built = True

    def call(self, codes: Any) -> Any:
        """Return the statistics of the codes."""
        statistics = ops.take(self.table, codes + self.offsets, axis=0)
        return ops.reshape(statistics, (-1, len(self.cardinalities) * self.width))

    def get_config(self) -> dict[str, Any]:
        """Return the configuration for `from_config`."""
        config = {name: value for name, value in super().get_config().items() if name != "trainable"}
        return {**config, "cardinalities": self.cardinalities, "width": self.width}


def with_statistics(
    network: keras.Model, cardinalities: Sequence[int], tables: npt.NDArray[np.float32], name: str
) -> keras.Model:
    """Return a network that looks up the statistics itself; it shares the weights of `network`.

    Args:
        network: A network with the inputs `categorical` and `statistics`, and any others.
        cardinalities: The number of codes of each column of `categorical`.
        tables: The statistics, shape (sum of cardinalities, width).
        name: The name of the new network.
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
    """Return the network that was passed to `with_statistics`, or `model` itself."""
    if any(isinstance(layer, TargetStatistics) for layer in model.layers):
        return next(layer for layer in model.layers if isinstance(layer, keras.Model))
    return model
