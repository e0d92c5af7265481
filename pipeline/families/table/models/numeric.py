"""Numbers for a network: a value and a flag where it is missing, a code, or an embedding of the value."""

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
import numpy.typing as npt
from keras import ops

LARGE = np.float32(3e38)
"""A bound that no value reaches; infinity less infinity would be no number."""


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


class _Codes(keras.layers.Layer):
    """Numbers as codes of categories. Input: `(batch, columns)`, NaN where missing. Output: integers of that shape."""

    def compute_output_shape(self, input_shape: Any) -> tuple[Any, ...]:
        """Return the shape of the input."""
        return tuple(input_shape)

    def compute_output_spec(self, values: Any) -> keras.KerasTensor:
        """Codes are integers whatever the network's precision."""
        return keras.KerasTensor(values.shape, dtype="int32")


@keras.saving.register_keras_serializable(package="onehot")
class QuantileBins(_Codes):
    """Codes of quantile bins, 0 where missing; column `c` in `0 … len(edges[c]) + 1`.

    Args:
        edges: Inner edges of the bins of each column, ascending; columns may have different numbers of them.
    """

    def __init__(self, edges: Sequence[Sequence[float]], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.edges = [[float(edge) for edge in column] for column in edges]
        # Padded with infinity: an edge that no value reaches adds nothing to the count.
        self._padded = _padded(self.edges, np.float32(np.inf))

    @property
    def cardinalities(self) -> list[int]:
        """Number of codes of each column."""
        return [len(column) + 2 for column in self.edges]

    def call(self, values: Any) -> Any:
        """Count the edges that each value reaches."""
        reached = ops.cast(ops.expand_dims(values, -1) >= self._padded, "int32")
        return ops.where(ops.isnan(values), 0, 1 + ops.sum(reached, axis=-1))

    def get_config(self) -> dict[str, Any]:
        """Return what `from_config` needs."""
        return {**super().get_config(), "edges": self.edges}


@keras.saving.register_keras_serializable(package="onehot")
class ValueCodes(_Codes):
    """Numbers as categories: known values have codes from 1 on in ascending order, all others and missing ones 0.

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
        """Look each value up."""
        return ops.stack([self._column(values[:, i], column) for i, column in enumerate(self.known)], axis=1)

    def _column(self, values: Any, column: list[float]) -> Any:
        # A value that no float32 other than itself equals ends the search.
        known = np.array([*column, LARGE], dtype="float32")
        place = ops.cast(ops.searchsorted(known, ops.where(ops.isnan(values), LARGE, values)), "int32")
        place = ops.minimum(place, len(column))
        is_known = ops.logical_and(ops.equal(ops.take(known, place), values), place < len(column))
        return ops.where(is_known, place + 1, 0)

    def get_config(self) -> dict[str, Any]:
        """Return what `from_config` needs."""
        return {**super().get_config(), "known": self.known}


class _NumberEmbedding(keras.layers.Layer):
    """An embedding of each column's value: features of it, then a dense layer with relu a column.

    Input: `(batch, columns)`, NaN where missing. Output: `(batch, columns · dim)`. A missing value has an embedding of
    its own. Source: Gorishniy, Rubachev, Babenko: On Embeddings for Numerical Features in Tabular Deep Learning (2022).

    Args:
        columns: Number of columns.
        features: Features of a value.
        dim: Width of each embedding.
    """

    def __init__(self, columns: int, features: int, dim: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._columns, self._features, self.dim = columns, features, dim

    def build(self, _values_shape: Any) -> None:
        """Make a kernel, a bias and an embedding of the missing value a column."""
        bound = float(self._features**-0.5)
        uniform = keras.initializers.RandomUniform(-bound, bound)
        self.kernel = self.add_weight(
            shape=(self._columns, self._features, self.dim), initializer=uniform, name="kernel"
        )
        self.bias = self.add_weight(shape=(self._columns, self.dim), initializer="zeros", name="bias")
        self.missing = self.add_weight(shape=(self._columns, self.dim), initializer="zeros", name="missing")
        self.built = True

    def call(self, values: Any) -> Any:
        """Embed each value."""
        missing = ops.isnan(values)
        features = self.features(ops.expand_dims(ops.where(missing, 0.0, values), -1))
        embedded = ops.relu(ops.einsum("bcf,cfd->bcd", features, self.kernel) + self.bias)
        embedded = ops.where(ops.expand_dims(missing, -1), self.missing, embedded)
        return ops.reshape(embedded, (-1, self._columns * self.dim))

    def features(self, values: Any) -> Any:
        """Turn values `(batch, columns, 1)` into features `(batch, columns, features)`."""
        raise NotImplementedError

    def compute_output_shape(self, input_shape: Any) -> tuple[Any, ...]:
        """Return `(batch, columns · dim)`."""
        return (input_shape[0], self._columns * self.dim)


@keras.saving.register_keras_serializable(package="onehot")
class PeriodicEmbedding(_NumberEmbedding):
    """Embeddings of sines and cosines, whose frequencies are learned.

    Args:
        columns: Number of columns.
        frequencies: A column.
        scale: Deviation of the initial frequencies, in periods a standard deviation of the column.
        dim: Width of each embedding.
    """

    def __init__(self, columns: int, frequencies: int, scale: float, dim: int, **kwargs: Any) -> None:
        super().__init__(columns, 2 * frequencies, dim, **kwargs)
        self.columns, self.frequencies, self.scale = columns, frequencies, scale

    def build(self, values_shape: Any) -> None:
        """Draw the frequencies too."""
        super().build(values_shape)
        normal = keras.initializers.RandomNormal(stddev=self.scale)
        shape = (self.columns, self.frequencies)
        self.frequency = self.add_weight(shape=shape, initializer=normal, name="frequency")

    def features(self, values: Any) -> Any:
        """Return sines and cosines."""
        angles = 2 * np.pi * values * self.frequency
        return ops.concatenate([ops.sin(angles), ops.cos(angles)], axis=-1)

    def get_config(self) -> dict[str, Any]:
        """Return what `from_config` needs."""
        settings = {"columns": self.columns, "frequencies": self.frequencies, "scale": self.scale, "dim": self.dim}
        return {**super().get_config(), **settings}


@keras.saving.register_keras_serializable(package="onehot")
class PiecewiseEmbedding(_NumberEmbedding):
    """Embeddings of piecewise-linear features: how far a value has come through each quantile bin, 0 to 1.

    The first bin goes on below, the last one above, so that values beyond the known ones are told apart.

    Args:
        edges: Of the bins of each column, the outer ones included, ascending.
        dim: Width of each embedding.
    """

    def __init__(self, edges: Sequence[Sequence[float]], dim: int, **kwargs: Any) -> None:
        self.edges = [[float(edge) for edge in column] for column in edges]
        # A constant has one edge, and one bin from there on.
        starts = [column[:-1] or column for column in self.edges]
        widths = [np.diff(column).tolist() or [1.0] for column in self.edges]
        self._starts, self._widths = _padded(starts, LARGE), _padded(widths, np.float32(1))
        count = np.array([len(column) for column in starts])[:, None]
        places = np.arange(self._starts.shape[1])[None]
        self._low = np.where((places == 0) & (places < count), -LARGE, 0).astype("float32")
        self._high = np.where(places == count - 1, LARGE, 1).astype("float32")
        super().__init__(len(self.edges), self._starts.shape[1], dim, **kwargs)

    def features(self, values: Any) -> Any:
        """Return the share of each bin."""
        return ops.minimum(ops.maximum((values - self._starts) / self._widths, self._low), self._high)

    def get_config(self) -> dict[str, Any]:
        """Return what `from_config` needs."""
        return {**super().get_config(), "edges": self.edges, "dim": self.dim}


def bin_edges(quantiles: Sequence[float], bins: int) -> list[float]:
    """Cut a quantile grid into `bins` parts of equal frequency; equal edges (heavy values) fall together.

    Returns:
        Inner edges, ascending, at most `bins - 1`.
    """
    grid = np.asarray(quantiles, dtype="float32")
    inner = np.interp(np.linspace(0, 1, bins + 1)[1:-1], np.linspace(0, 1, len(grid)), grid)
    return [float(edge) for edge in np.unique(inner.astype("float32"))]


def _padded(columns: Sequence[Sequence[float]], filling: np.float32) -> npt.NDArray[np.float32]:
    block = np.full((len(columns), max(len(column) for column in columns)), filling, dtype="float32")
    for row, column in zip(block, columns, strict=True):
        row[: len(column)] = column
    return block
