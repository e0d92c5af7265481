"""Layers that encode numbers: as a value and a missing flag, as a code, or as an embedding of the value."""

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
import numpy.typing as npt
from keras import ops

LARGE = np.float32(3e38)
"""A bound that no value reaches; infinity is not used, because infinity minus infinity is NaN."""


@keras.saving.register_keras_serializable(package="onehot")
class ValueAndFlag(keras.layers.Layer):
    """Returns standardised values, 0 where missing, followed by one flag per column that is 1 where missing.

    Input: shape (batch, columns), NaN where missing. Output: shape (batch, 2 · columns).
    """

    def call(self, values: Any) -> Any:
        """Return the values and the flags."""
        missing = ops.isnan(values)
        return ops.concatenate([ops.where(missing, 0.0, values), ops.cast(missing, values.dtype)], axis=-1)

    def compute_output_shape(self, input_shape: Any) -> tuple[Any, ...]:
        """Return the shape (batch, 2 · columns)."""
        return (*input_shape[:-1], 2 * input_shape[-1])


class _Codes(keras.layers.Layer):
    """Encodes numbers as codes. Input: shape (batch, columns), NaN where missing. Output: integers of that shape."""

    def compute_output_shape(self, input_shape: Any) -> tuple[Any, ...]:
        """Return the shape of the input."""
        return tuple(input_shape)

    def compute_output_spec(self, values: Any) -> keras.KerasTensor:
        """Return an integer spec, whatever the network's precision."""
        return keras.KerasTensor(values.shape, dtype="int32")


@keras.saving.register_keras_serializable(package="onehot")
class QuantileBins(_Codes):
    """Encodes numbers as codes of quantile bins, 0 where missing; column `c` has the codes `0 … len(edges[c]) + 1`.

    Args:
        edges: Inner edges of the bins of each column, ascending; their number may differ between columns.
    """

    def __init__(self, edges: Sequence[Sequence[float]], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.edges = [[float(edge) for edge in column] for column in edges]
        # Padded with infinity, because an edge that no value reaches adds nothing to the count.
        self._padded = _padded(self.edges, np.float32(np.inf))

    @property
    def cardinalities(self) -> list[int]:
        """Number of codes of each column."""
        return [len(column) + 2 for column in self.edges]

    def call(self, values: Any) -> Any:
        """Return 1 plus the number of edges that each value reaches, and 0 where it is missing."""
        reached = ops.cast(ops.expand_dims(values, -1) >= self._padded, "int32")
        return ops.where(ops.isnan(values), 0, 1 + ops.sum(reached, axis=-1))

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of the constructor."""
        return {**super().get_config(), "edges": self.edges}


@keras.saving.register_keras_serializable(package="onehot")
class ValueCodes(_Codes):
    """Encodes numbers as categories: known values get the codes from 1 on, ascending; others and missing ones get 0.

    Args:
        known: Known values of each column, ascending.
    """

    def __init__(self, known: Sequence[Sequence[float]], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.known = [[float(value) for value in column] for column in known]

    @property
    def cardinalities(self) -> list[int]:
        """Number of codes of each column."""
        return [len(column) + 1 for column in self.known]

    def call(self, values: Any) -> Any:
        """Return the code of each value."""
        return ops.stack([self._column(values[:, i], column) for i, column in enumerate(self.known)], axis=1)

    def _column(self, values: Any, column: list[float]) -> Any:
        # The sentinel at the end keeps the search in range.
        known = np.array([*column, LARGE], dtype="float32")
        index = ops.cast(ops.searchsorted(known, ops.where(ops.isnan(values), LARGE, values)), "int32")
        index = ops.minimum(index, len(column))
        is_known = ops.logical_and(ops.equal(ops.take(known, index), values), index < len(column))
        return ops.where(is_known, index + 1, 0)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of the constructor."""
        return {**super().get_config(), "known": self.known}


class _NumberEmbedding(keras.layers.Layer):
    """Embeds each column's value: computes features of it, then applies one dense layer with relu per column.

    Input: shape (batch, columns), NaN where missing. Output: shape (batch, columns · dim). A missing value has an
    embedding of its own. Source: Gorishniy, Rubachev, Babenko: On Embeddings for Numerical Features in Tabular Deep
    Learning (2022).

    Args:
        columns: Number of columns.
        features: Number of features per value.
        dim: Width of each embedding.
    """

    def __init__(self, columns: int, features: int, dim: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._columns, self._features, self.dim = columns, features, dim

    def build(self, _values_shape: Any) -> None:
        """Create a kernel, a bias and an embedding of missing values for each column."""
        bound = float(self._features**-0.5)
        uniform = keras.initializers.RandomUniform(-bound, bound)
        self.kernel = self.add_weight(
            shape=(self._columns, self._features, self.dim), initializer=uniform, name="kernel"
        )
        self.bias = self.add_weight(shape=(self._columns, self.dim), initializer="zeros", name="bias")
        self.missing = self.add_weight(shape=(self._columns, self.dim), initializer="zeros", name="missing")
        self.built = True

    def call(self, values: Any) -> Any:
        """Return the embeddings of the values."""
        missing = ops.isnan(values)
        features = self.features(ops.expand_dims(ops.where(missing, 0.0, values), -1))
        embedded = ops.relu(ops.einsum("bcf,cfd->bcd", features, self.kernel) + self.bias)
        embedded = ops.where(ops.expand_dims(missing, -1), self.missing, embedded)
        return ops.reshape(embedded, (-1, self._columns * self.dim))

    def features(self, values: Any) -> Any:
        """Return features, shape (batch, columns, features), of values, shape (batch, columns, 1)."""
        raise NotImplementedError

    def compute_output_shape(self, input_shape: Any) -> tuple[Any, ...]:
        """Return the shape (batch, columns · dim)."""
        return (input_shape[0], self._columns * self.dim)


@keras.saving.register_keras_serializable(package="onehot")
class PeriodicEmbedding(_NumberEmbedding):
    """Embeds sines and cosines of each value, with learned frequencies.

    Args:
        columns: Number of columns.
        frequencies: Number of frequencies per column.
        scale: Standard deviation of the initial frequencies, in periods per standard deviation of the column.
        dim: Width of each embedding.
    """

    def __init__(self, columns: int, frequencies: int, scale: float, dim: int, **kwargs: Any) -> None:
        super().__init__(columns, 2 * frequencies, dim, **kwargs)
        self.columns, self.frequencies, self.scale = columns, frequencies, scale

    def build(self, values_shape: Any) -> None:
        """Create the weights, including the frequencies."""
        super().build(values_shape)
        normal = keras.initializers.RandomNormal(stddev=self.scale)
        shape = (self.columns, self.frequencies)
        self.frequency = self.add_weight(shape=shape, initializer=normal, name="frequency")

    def features(self, values: Any) -> Any:
        """Return the sines and cosines of the values."""
        angles = 2 * np.pi * values * self.frequency
        return ops.concatenate([ops.sin(angles), ops.cos(angles)], axis=-1)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of the constructor."""
        settings = {"columns": self.columns, "frequencies": self.frequencies, "scale": self.scale, "dim": self.dim}
        return {**super().get_config(), **settings}


@keras.saving.register_keras_serializable(package="onehot")
class PiecewiseEmbedding(_NumberEmbedding):
    """Embeds piecewise-linear features: the part of each quantile bin that lies below the value, 0 to 1.

    The first bin extends downwards and the last one upwards, so that values outside the known range stay distinct.

    Args:
        edges: Edges of the bins of each column, including the outer ones, ascending.
        dim: Width of each embedding.
    """

    def __init__(self, edges: Sequence[Sequence[float]], dim: int, **kwargs: Any) -> None:
        self.edges = [[float(edge) for edge in column] for column in edges]
        # A constant column has one edge, and one bin that starts there.
        starts = [column[:-1] or column for column in self.edges]
        widths = [np.diff(column).tolist() or [1.0] for column in self.edges]
        self._starts, self._widths = _padded(starts, LARGE), _padded(widths, np.float32(1))
        count = np.array([len(column) for column in starts])[:, None]
        bins = np.arange(self._starts.shape[1])[None]
        self._low = np.where((bins == 0) & (bins < count), -LARGE, 0).astype("float32")
        self._high = np.where(bins == count - 1, LARGE, 1).astype("float32")
        super().__init__(len(self.edges), self._starts.shape[1], dim, **kwargs)

    def features(self, values: Any) -> Any:
        """Return the part of each bin that lies below the values."""
        return ops.minimum(ops.maximum((values - self._starts) / self._widths, self._low), self._high)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of the constructor."""
        return {**super().get_config(), "edges": self.edges, "dim": self.dim}


def bin_edges(quantiles: Sequence[float], bins: int) -> list[float]:
    """Cut a quantile grid into `bins` parts of equal frequency; equal edges (from frequent values) are merged.

    Returns:
        The inner edges, ascending, at most `bins - 1`.
    """
    grid = np.asarray(quantiles, dtype="float32")
    inner = np.interp(np.linspace(0, 1, bins + 1)[1:-1], np.linspace(0, 1, len(grid)), grid)
    return [float(edge) for edge in np.unique(inner.astype("float32"))]


def _padded(columns: Sequence[Sequence[float]], padding: np.float32) -> npt.NDArray[np.float32]:
    block = np.full((len(columns), max(len(column) for column in columns)), padding, dtype="float32")
    for row, column in zip(block, columns, strict=True):
        row[: len(column)] = column
    return block
