"""Embeddings of all columns, and the dense layer over them: a one-hot vector times a matrix, times another one."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import keras
import numpy as np
from keras import ops

ONE_HOT = 2
"""A column with at most so many categories a dimension of its embedding is multiplied as one-hot rows."""


@keras.saving.register_keras_serializable(package="onehot")
class EmbeddingDense(keras.layers.Layer):
    """What an Embedding a column, Flatten, Concatenate and a Dense layer without activation compute, in one layer.

    All embeddings stand in one table. A column's embeddings times its rows of the kernel are a matrix of its own, a row
    a category. For columns of few categories that matrix is worked out once a batch, and one-hot rows are multiplied
    with it: fewer operations, no copy of the embeddings, and a gradient without scattering. Columns of many categories
    are looked up.

    Input: codes `(batch, columns)`, column `c` in `0 … cardinalities[c] - 1`; and other features `(batch, features)`.
    Output: `(batch, units)`.

    Args:
        cardinalities: Number of codes of each column.
        dim: Width of each embedding.
        units: Width of the output.
        dropout: Share of whole embeddings dropped in training, one draw a row and column.
    """

    def __init__(self, cardinalities: Sequence[int], dim: int, units: int, dropout: float, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.cardinalities = [int(n) for n in cardinalities]
        self.dim, self.units, self.dropout = dim, units, dropout
        self._seeds = keras.random.SeedGenerator()
        sizes = np.array(self.cardinalities)
        # Row of the table at which each column's own matrix begins.
        self.offsets = np.concatenate([[0], np.cumsum(sizes)[:-1]]).astype("int32")
        # Columns in the order of the kernel's rows: by size, so that those of one class stand side by side.
        self.columns = np.argsort(sizes, kind="stable").astype("int32")
        self._classes = _classes(sizes[self.columns], ONE_HOT * dim)

    def build(self, codes_shape: Any, beside_shape: Any = None) -> None:
        """Make the table `(sum of cardinalities, dim)`, the kernel and the bias."""
        width = len(self.cardinalities) * self.dim + (beside_shape[-1] if beside_shape else 0)
        # Keras' own initial values: uniform in ±0.05 for an Embedding, Glorot's for a Dense layer.
        self.table = self.add_weight(
            shape=(sum(self.cardinalities), self.dim), initializer="uniform", name="table", autocast=False
        )
        self.kernel = self.add_weight(shape=(width, self.units), initializer="glorot_uniform", name="kernel")
        self.bias = self.add_weight(shape=(self.units,), initializer="zeros", name="bias")
        self.built = True

    def call(self, codes: Any, beside: Any = None, training: bool | None = None) -> Any:
        """Embed, drop, multiply."""
        cuts = np.cumsum([(stop - start) * self.dim for start, stop, _ in self._classes])
        kernels = ops.split(self.kernel, [int(cut) for cut in cuts])
        codes, kept = ops.take(codes, self.columns, axis=1), None
        if training and self.dropout > 0:
            ones = ops.ones(ops.shape(codes), dtype=self.compute_dtype)
            kept = ops.expand_dims(keras.random.dropout(ones, self.dropout, seed=self._seeds), -1)
        total = self.bias
        for (start, stop, size), kernel in zip(self._classes, kernels, strict=False):
            part = slice(start, stop)
            mask = None if kept is None else kept[:, part]
            if size is None:
                total = total + self._looked_up(codes[:, part], mask, kernel, self.columns[part])
            else:
                total = total + self._one_hot(codes[:, part], mask, kernel, self.columns[part], size)
        return total if beside is None else total + ops.matmul(beside, kernels[-1])

    def _one_hot(self, codes: Any, kept: Any, kernel: Any, columns: Any, size: int) -> Any:
        # (columns, size) rows of the table; what lies behind a smaller column's last row is never asked for.
        rows = self.offsets[columns][:, None] + np.minimum(
            np.arange(size), np.array(self.cardinalities)[columns][:, None] - 1
        )
        embedded = ops.cast(ops.take(self.table, rows.astype("int32"), axis=0), self.compute_dtype)
        products = ops.matmul(embedded, ops.reshape(kernel, (len(columns), self.dim, self.units)))
        hot = ops.one_hot(codes, size, dtype=self.compute_dtype)
        hot = hot if kept is None else hot * kept
        width = len(columns) * size
        return ops.matmul(ops.reshape(hot, (-1, width)), ops.reshape(products, (width, self.units)))

    def _looked_up(self, codes: Any, kept: Any, kernel: Any, columns: Any) -> Any:
        embedded = ops.cast(ops.take(self.table, codes + self.offsets[columns], axis=0), self.compute_dtype)
        embedded = embedded if kept is None else embedded * kept
        return ops.matmul(ops.reshape(embedded, (-1, len(columns) * self.dim)), kernel)

    def get_config(self) -> dict[str, Any]:
        """Return what `from_config` needs."""
        settings = {"cardinalities": self.cardinalities, "dim": self.dim, "units": self.units, "dropout": self.dropout}
        return {**super().get_config(), **settings}


def _classes(sizes: Any, limit: int) -> list[tuple[int, int, int | None]]:
    """Cut ascending sizes into classes `(first, last + 1, largest)`; those above the limit are one, of no size."""
    bounds = [2**power for power in range(1, 1 + max(1, limit).bit_length()) if 2**power < limit] + [limit]
    ends = [0, *np.searchsorted(sizes, bounds, side="right").tolist()]
    found: list[tuple[int, int, int | None]] = [
        (first, last, int(sizes[last - 1])) for first, last in pairwise(ends) if first < last
    ]
    return found + ([(ends[-1], len(sizes), None)] if ends[-1] < len(sizes) else [])
