"""Raw columns → integer codes and standardised numbers: the same code for training and for prediction."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.data.errors import DataError
from pipeline.data.schema import Categorical, Numeric

QUANTILES = 257
"""Points of the stored quantile grid: 256 intervals, so that any number of bins up to 256 can be cut from it."""

Codes = npt.NDArray[np.int32]
Numbers = npt.NDArray[np.float32]
Mask = npt.NDArray[np.bool_]


def fit_categorical(name: str, column: pa.ChunkedArray, train: Mask, min_count: int) -> Categorical:
    """Count the categories of the training rows; the most frequent gets code 1, equals in order of their text."""
    counts = pc.value_counts(column.filter(pa.array(train)).cast(pa.string()).drop_null())
    pairs = zip(counts.field("counts").to_pylist(), counts.field("values").to_pylist(), strict=True)
    kept = sorted((-count, value) for count, value in pairs if count >= min_count)
    return Categorical(name, [value for _, value in kept])


def fit_numeric(name: str, column: pa.ChunkedArray, train: Mask) -> Numeric:
    """Measure mean, deviation and quantiles of the training rows that hold a value.

    Raises:
        DataError: No training row holds one.
    """
    values = _float64(column)[train]
    values = values[np.isfinite(values)]
    if not values.size:
        raise DataError(f"column {name!r}: no number in the training rows; take it out of data.numeric")
    mean, std = float(values.mean()), float(values.std())
    # Not `std > 0`: the deviation of a constant is rounding noise, which would blow up every other value.
    std = std if values.max() > values.min() else 1.0
    grid = np.quantile((values - mean) / std, np.linspace(0, 1, QUANTILES))
    return Numeric(name, mean, std, [float(np.float32(q)) for q in grid])


def encode_categorical(table: pa.Table, columns: Sequence[Categorical]) -> Codes:
    """Return codes of shape `(rows, columns)`; what training did not see is 0."""
    codes = np.empty((table.num_rows, len(columns)), dtype=np.int32)
    for index, column in enumerate(columns):
        known = pa.array(column.categories, type=pa.string())
        found = pc.index_in(table[column.name].cast(pa.string()), value_set=known)
        codes[:, index] = pc.add(pc.fill_null(found, -1), 1).to_numpy()
    return codes


def encode_numeric(table: pa.Table, columns: Sequence[Numeric]) -> Numbers:
    """Return standardised values of shape `(rows, columns)`; a missing one is NaN."""
    numbers = np.empty((table.num_rows, len(columns)), dtype=np.float32)
    for index, column in enumerate(columns):
        values = _float64(table[column.name])
        values[~np.isfinite(values)] = np.nan
        numbers[:, index] = (values - column.mean) / column.std
    return numbers


def _float64(column: pa.ChunkedArray) -> npt.NDArray[np.float64]:
    values: npt.NDArray[np.float64] = column.cast(pa.float64()).fill_null(float("nan")).to_numpy()
    return values.copy()
