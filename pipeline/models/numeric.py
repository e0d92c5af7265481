"""Numbers for a network: a value and a flag where it is missing, or the code of a quantile bin."""

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import ops


@keras.saving.register_keras_serializable(package="onehot")
class ValueAndFlag(keras.layers.Layer):
    """Standardised values, 0 where missing, followed by a flag a column that is 1 where missing.

    Input: `(batch, columns)`, NaN where missing. Output: `(batch, 2 · columns)`.
    """

    def call(self, values: Any) -> Any:
        """Split NaN into a value and a flag."""
        missing = ops.isnan(values)
        return ops.concatenate([ops.where(missing, 0.0, values), ops.cast(missing, values.dtype)], axis=-1)

    def compute_output_shape(self, input_shape: Any) -> tuple[Any, ...]:
        """Return `(batch, 2 · columns)`."""
        return (*input_shape[:-1], 2 * input_shape[-1])


@keras.saving.register_keras_serializable(package="onehot")
class QuantileBins(keras.layers.Layer):
    """Codes of quantile bins, 0 where missing.

    Input: `(batch, columns)`, NaN where missing. Output: integer codes, `(batch, columns)`,
    column `c` in `0 … len(edges[c]) + 1`.

    Args:
        edges: Inner edges of the bins of each column, ascending; columns may have different numbers of them.
    """

    def __init__(self, edges: Sequence[Sequence[float]], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.edges = [[float(edge) for edge in column] for column in edges]
        width = max(len(column) for column in self.edges)
        # Padded with infinity: an edge that no value reaches adds nothing to the count.
        self._padded = np.full((len(self.edges), width), np.inf, dtype="float32")
        for row, column in zip(self._padded, self.edges, strict=True):
            row[: len(column)] = column

    def call(self, values: Any) -> Any:
        """Count the edges that each value reaches."""
        reached = ops.cast(ops.expand_dims(values, -1) >= self._padded, "int32")
        return ops.where(ops.isnan(values), 0, 1 + ops.sum(reached, axis=-1))

    def compute_output_shape(self, input_shape: Any) -> tuple[Any, ...]:
        """Return the shape of the input."""
        return tuple(input_shape)

    def compute_output_spec(self, values: Any) -> keras.KerasTensor:
        """Codes are integers whatever the network's precision."""
        return keras.KerasTensor(values.shape, dtype="int32")

    def get_config(self) -> dict[str, Any]:
        """Return what `from_config` needs."""
        return {**super().get_config(), "edges": self.edges}


def bin_edges(quantiles: Sequence[float], bins: int) -> list[float]:
    """Cut a quantile grid into `bins` parts of equal frequency; equal edges (heavy values) fall together.

    Returns:
        Inner edges, ascending, at most `bins - 1`.
    """
    grid = np.asarray(quantiles, dtype="float32")
    inner = np.interp(np.linspace(0, 1, bins + 1)[1:-1], np.linspace(0, 1, len(grid)), grid)
    return [float(edge) for edge in np.unique(inner.astype("float32"))]
