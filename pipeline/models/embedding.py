"""Embeddings of all columns and the dense layer over them: a one-hot vector times a matrix times another matrix."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise
from typing import Any

import keras
import numpy as np
import numpy.typing as npt
from keras import ops

from pipeline.models.members import random_signs

ONE_HOT = 2
"""Columns with at most this many categories per embedding dimension are multiplied as one-hot rows."""


@dataclass(frozen=True)
class _Block:
    """Columns that are multiplied together: positions `start … stop - 1` of `EmbeddingDense.columns`."""

    start: int
    stop: int
    dim: int
    size: int
    """Number of codes of the largest column."""

    @property
    def is_looked_up(self) -> bool:
        return self.size > ONE_HOT * self.dim

    @property
    def part(self) -> slice:
        return slice(self.start, self.stop)

    @property
    def width(self) -> int:
        """Number of rows of the kernel."""
        return (self.stop - self.start) * self.dim


@keras.saving.register_keras_serializable(package="onehot")
class EmbeddingDense(keras.layers.Layer):
    """One layer for one Embedding per column, Flatten, Concatenate and a Dense layer without activation.

    All embeddings of the same width share one table. The embeddings of a column times its rows of the kernel give a
    matrix with one row per category. For columns with few categories that matrix is computed once per batch and
    multiplied by one-hot rows: this needs fewer operations, no copy of the embeddings and no scattered gradient.
    Columns with many categories are looked up.

    Input: codes of shape (batch, columns), column `c` in `0 … cardinalities[c] - 1`, and optional other features of
    shape (batch, features). Output: shape (batch, units); with several members, (batch, members, units).

    The members of an ensemble share the tables and the kernel. Each has its own factor for each embedding dimension and
    other feature, and its own biases; source: Gorishniy, Kotelnikov, Babenko: TabM (2024), there TabM-mini.

    Args:
        cardinalities: The number of codes of each column.
        dims: The embedding width of each column.
        units: The width of the output.
        dropout: The share of embeddings dropped in training, drawn once per row and column.
        members: The number of members.

    Attributes:
        columns: The columns in the order of the kernel's rows: by width, then by size. The other features come last.
    """

    def __init__(
        self,
        cardinalities: Sequence[int],
        dims: Sequence[int],
        units: int,
        dropout: float,
        members: int = 1,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.cardinalities, self.dims = [int(n) for n in cardinalities], [int(n) for n in dims]
        self.units, self.dropout, self.members = units, dropout, members
        self.seeds = keras.random.SeedGenerator()
        sizes, widths = np.array(self.cardinalities), np.array(self.dims)
        # Columns that are multiplied together must be adjacent.
        self.columns = np.lexsort((sizes, widths)).astype("int32")
        # The first row of each column in its table.
        self.offsets = np.zeros(len(sizes), dtype="int32")
        self._blocks: list[_Block] = []
        for dim in np.unique(widths).tolist():
            chosen = np.flatnonzero(widths == dim)
            self.offsets[chosen] = np.cumsum(sizes[chosen]) - sizes[chosen]
            begin = int(np.flatnonzero(widths[self.columns] == dim)[0])
            self._blocks += _blocks(sizes[self.columns[begin : begin + len(chosen)]], begin, dim)

    def build(self, codes_shape: Any, beside_shape: Any = None) -> None:
        """Create the tables `table_DIM` of shape (sum of cardinalities, dim), the kernel, factors and biases."""
        # The same initializers as in Keras: uniform in ±0.05 for an Embedding, Glorot for a Dense layer.
        self.tables = {
            str(dim): self.add_weight(
                shape=(sum(n for n, d in zip(self.cardinalities, self.dims, strict=True) if d == dim), dim),
                initializer="uniform",
                name=f"table_{dim}",
                autocast=False,
            )
            for dim in sorted(set(self.dims))
        }
        width = sum(self.dims) + (beside_shape[-1] if beside_shape else 0)
        self.kernel = self.add_weight(shape=(width, self.units), initializer="glorot_uniform", name="kernel")
        self.scale = None
        if self.members == 1:
            self.bias = self.add_weight(shape=(self.units,), initializer="zeros", name="bias")
        else:
            self.scale = self.add_weight(shape=(width, self.members), initializer=random_signs, name="scale")
            self.bias = self.add_weight(shape=(self.members, self.units), initializer="uniform", name="bias")
        self.built = True

    def call(self, codes: Any, beside: Any = None, training: bool | None = None) -> Any:
        """Embed the codes, apply dropout and multiply by the kernel."""
        kernels = ops.split(self._kernel(), list(accumulate(block.width for block in self._blocks)))
        codes = ops.take(codes, self.columns, axis=1)
        dropout_mask = self._dropout_mask(codes, training)
        # Summed in float32 even if the products are shorter: many low-precision sums would lose accuracy.
        total = ops.reshape(ops.cast(self.bias, "float32"), (-1,))
        for block, kernel in zip(self._blocks, kernels, strict=False):
            mask = None if dropout_mask is None else dropout_mask[:, block.part]
            multiply = self._looked_up if block.is_looked_up else self._one_hot
            total = total + ops.cast(multiply(codes[:, block.part], mask, kernel, block), "float32")
        if beside is not None:
            total = total + ops.cast(ops.matmul(beside, kernels[-1]), "float32")
        if self.members > 1:
            total = ops.reshape(total, (-1, self.members, self.units))
        return ops.cast(total, self.compute_dtype)

    def _kernel(self) -> Any:
        """Return the kernels of all members side by side, shape (features, members · units).

        A factor for each feature scales a row of the kernel: one wide product serves all members.
        """
        if self.scale is None:
            return self.kernel
        scaled = ops.expand_dims(self.kernel, 1) * ops.expand_dims(self.scale, 2)
        return ops.reshape(scaled, (-1, self.members * self.units))

    def embed(self, codes: Any, training: bool = False) -> Any:
        """Return the embeddings, shape (batch, sum of dims), with the columns in their original order."""
        dropout_mask = self._dropout_mask(ops.take(codes, self.columns, axis=1), training)
        parts = []
        for column, (dim, offset) in enumerate(zip(self.dims, self.offsets.tolist(), strict=True)):
            embedded = ops.take(self.tables[str(dim)], codes[:, column] + offset, axis=0)
            position = int(np.flatnonzero(self.columns == column)[0])
            parts.append(
                embedded if dropout_mask is None else embedded * ops.cast(dropout_mask[:, position], embedded.dtype)
            )
        return ops.concatenate(parts, axis=1)

    def vectors(self, column: int) -> npt.NDArray[np.float32]:
        """Return the embeddings of a column, shape (cardinality, dim), one row per code."""
        start = int(self.offsets[column])
        table = ops.convert_to_numpy(self.tables[str(self.dims[column])])
        embeddings: npt.NDArray[np.float32] = table[start : start + self.cardinalities[column]]
        return embeddings

    def kernel_rows(self) -> dict[int, int]:
        """Return the first kernel row of each column, in the order of the rows."""
        widths = np.array(self.dims)[self.columns]
        return dict(zip(self.columns.tolist(), (np.cumsum(widths) - widths).tolist(), strict=True))

    def _dropout_mask(self, codes: Any, training: bool | None) -> Any:
        """Return the dropout mask, shape (batch, columns, 1) in the order of `columns`, scaled to mean 1."""
        if not training or self.dropout == 0:
            return None
        ones = ops.ones(ops.shape(codes), dtype=self.compute_dtype)
        return ops.expand_dims(keras.random.dropout(ones, self.dropout, seed=self.seeds), -1)

    def _one_hot(self, codes: Any, mask: Any, kernel: Any, block: _Block) -> Any:
        columns, size = self.columns[block.part], block.size
        # Table rows, shape (columns, size); positions past the last row of a smaller column are never used.
        rows = self.offsets[columns][:, None] + np.minimum(
            np.arange(size), np.array(self.cardinalities)[columns][:, None] - 1
        )
        embedded = self._rows(rows.astype("int32"), block)
        products = ops.matmul(embedded, ops.reshape(kernel, (len(columns), block.dim, self.members * self.units)))
        hot = ops.one_hot(codes, size, dtype=self.compute_dtype)
        hot = hot if mask is None else hot * mask
        width = len(columns) * size
        return ops.matmul(ops.reshape(hot, (-1, width)), ops.reshape(products, (width, self.members * self.units)))

    def _looked_up(self, codes: Any, mask: Any, kernel: Any, block: _Block) -> Any:
        embedded = self._rows(codes + self.offsets[self.columns[block.part]], block)
        embedded = embedded if mask is None else embedded * mask
        return ops.matmul(ops.reshape(embedded, (-1, block.width)), kernel)

    def _rows(self, rows: Any, block: _Block) -> Any:
        return ops.cast(ops.take(self.tables[str(block.dim)], rows, axis=0), self.compute_dtype)

    def get_config(self) -> dict[str, Any]:
        """Return the configuration for `from_config`."""
        settings = {"cardinalities": self.cardinalities, "dims": self.dims, "units": self.units}
        return {**super().get_config(), **settings, "dropout": self.dropout, "members": self.members}


def dims_of(embedding_dim: int | str, cardinalities: Sequence[int]) -> list[int]:
    """Return the embedding width of each column: the same for all, or by the number of categories with `auto`."""
    return [auto_dim(size) if embedding_dim == "auto" else int(embedding_dim) for size in cardinalities]


def auto_dim(cardinality: int) -> int:
    """Return the embedding width of a column: fastai's rule 1.6 · n^0.56, as a power of two from 4 to 64.

    Powers of two keep the number of different widths small, and so the number of tables and products.
    """
    return int(np.clip(2 ** round(float(np.log2(1.6 * cardinality**0.56))), 4, 64))


def _blocks(sizes: npt.NDArray[Any], begin: int, dim: int) -> list[_Block]:
    """Group ascending sizes into blocks of similar size; all sizes too large for one-hot rows form one block."""
    limit = ONE_HOT * dim
    bounds = [2**power for power in range(1, 1 + limit.bit_length()) if 2**power < limit] + [limit]
    ends = [0, *np.searchsorted(sizes, bounds, side="right").tolist(), len(sizes)]
    return [
        _Block(begin + first, begin + last, dim, int(sizes[last - 1])) for first, last in pairwise(ends) if first < last
    ]
