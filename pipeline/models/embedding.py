"""One table for all columns: an embedding is a one-hot vector times a matrix, and stacked matrices are one matrix."""

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import ops


@keras.saving.register_keras_serializable(package="onehot")
class FusedEmbedding(keras.layers.Layer):
    """Embed every column through one shared table; the same function as an Embedding layer a column.

    Input: codes, `(batch, columns)`, column `c` in `0 … cardinalities[c] - 1`.
    Output: `(batch, columns, dim)`.

    Args:
        cardinalities: Number of codes of each column.
        dim: Width of each embedding.
    """

    def __init__(self, cardinalities: Sequence[int], dim: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.cardinalities = [int(n) for n in cardinalities]
        self.dim = dim
        # Row of the table at which each column's own matrix begins.
        self.offsets = np.concatenate([[0], np.cumsum(self.cardinalities)[:-1]]).astype("int32")

    def build(self, input_shape: Any) -> None:
        """Make the table, `(sum of cardinalities, dim)`."""
        self.table = self.add_weight(
            shape=(sum(self.cardinalities), self.dim),
            # Keras' own for Embedding: uniform in ±0.05.
            initializer="uniform",
            name="table",
        )
        self.built = True

    def call(self, codes: Any) -> Any:
        """Look up."""
        return ops.take(self.table, codes + self.offsets, axis=0)

    def compute_output_shape(self, input_shape: Any) -> tuple[Any, ...]:
        """Return `(batch, columns, dim)`."""
        return (*input_shape, self.dim)

    def get_config(self) -> dict[str, Any]:
        """Return what `from_config` needs."""
        return {**super().get_config(), "cardinalities": self.cardinalities, "dim": self.dim}
