"""Encode values as integer codes and standardised numbers, with the same code for training and prediction."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.data.errors import DataError
from pipeline.data.file_format import FileFormat
from pipeline.data.reading import REMEDY
from pipeline.data.spelling import as_numbers
from pipeline.families.table.data.counting import Index, distinct
from pipeline.families.table.data.parts import TextPart
from pipeline.families.table.data.schema import Categorical, Numeric

QUANTILES = 257
"""Points of the stored quantile grid: 256 intervals, so that any number of bins up to 256 can be cut from it."""
FREQUENT = 4096
"""Largest number of values of a numeric column that may be taken as categories."""

Codes = npt.NDArray[np.int32]
Numbers = npt.NDArray[np.float32]
Floats = npt.NDArray[np.float64]


def fit_categorical(name: str, values: pa.Array, counts: npt.NDArray[np.int64], min_count: int) -> Categorical:
    """Build the vocabulary: the most frequent category gets code 1; ties are ordered by text.

    Args:
        name: Name of the column.
        values: The value of each index of its part; a side table may hold a value several times.
        counts: Number of training rows of each index.
        min_count: Smallest number of training rows of a known category; rarer ones become unknown.
    """
    texts, places = distinct(values)
    totals = np.bincount(places + 1, weights=counts, minlength=len(texts) + 1)[1:]
    used = np.flatnonzero(totals >= max(min_count, 1))
    kept = sorted(zip((-totals[used]).tolist(), texts.take(pa.array(used)).to_pylist(), strict=True))
    present = int(totals.sum())
    rare = 1 - int(totals[used].sum()) / present if present else 0.0
    return Categorical(name, [text for _, text in kept], round(rare, 6))


def fit_numeric(
    name: str, values: Floats, counts: npt.NDArray[np.int64] | None = None, *, min_count: int = 1
) -> Numeric:
    """Compute mean, deviation, quantiles and frequent values of the training rows that have a value.

    Args:
        name: Name of the column.
        values: Values of the training rows, or the distinct values among them; NaN where missing.
        counts: Number of training rows of each value; None if each value belongs to one row.
        min_count: Smallest number of training rows of a frequent value.

    Raises:
        DataError: No training row has a value.
    """
    counts = np.ones(len(values), dtype=np.int64) if counts is None else counts
    held = np.isfinite(values) & (counts > 0)
    order = np.argsort(values[held], kind="stable")
    values, counts = values[held][order], counts[held][order]
    if not values.size:
        raise DataError(
            f"column {name!r}: no number in the training rows; remove it from data.numeric or list it in data.drop"
        )
    mean = float(np.average(values, weights=counts))
    # Not `std > 0`: the deviation of a constant is rounding noise, and dividing by it would inflate every other value.
    std = float(np.sqrt(np.average((values - mean) ** 2, weights=counts))) if values[-1] > values[0] else 1.0
    units = (values - mean) / std
    grid = [float(np.float32(q)) for q in _quantiles(units, counts)]
    return Numeric(name, mean, std, grid, _frequent(units.astype(np.float32), counts, min_count))


def _frequent(values: Numbers, counts: npt.NDArray[np.int64], min_count: int) -> list[float]:
    """Return the most frequent of the sorted values in ascending order."""
    starts = np.flatnonzero(np.append(True, values[1:] != values[:-1]))
    totals = np.add.reduceat(counts, starts)
    chosen = np.flatnonzero(totals >= min_count)
    if len(chosen) > FREQUENT:
        chosen = np.sort(chosen[np.argsort(-totals[chosen], kind="stable")[:FREQUENT]])
    return [float(value) for value in values[starts[chosen]]]


def _quantiles(values: Floats, counts: npt.NDArray[np.int64]) -> Floats:
    """Return the result of `np.quantile` for sorted values that are each repeated `counts` times."""
    ends = np.cumsum(counts)
    places = np.linspace(0, 1, QUANTILES) * (ends[-1] - 1)
    below, share = np.floor(places).astype(np.int64), places % 1
    low = values[np.searchsorted(ends, below, side="right")]
    high = values[np.searchsorted(ends, np.minimum(below + 1, ends[-1] - 1), side="right")]
    quantiles: Floats = low + (high - low) * share
    return quantiles


def codes_of(values: pa.Array, column: Categorical) -> Codes:
    """Return the code of each value; values that training did not see get 0."""
    texts, places = distinct(values)
    if aliases := column.aliases:
        texts = pa.array([aliases.get(text, text) for text in texts.to_pylist()], pa.string())
    known = pc.index_in(texts, value_set=pa.array(column.categories, type=pa.string()))
    codes = pc.add(pc.fill_null(known, -1), 1).to_numpy()
    return np.append(codes, np.int32(0))[places]


def floats(values: pa.Array | pa.ChunkedArray, name: str, form: FileFormat) -> Floats:
    """Return values as numbers, NaN where missing or infinite; see `as_numbers`.

    Raises:
        DataError: A value is not a number.
    """
    chunk = values.combine_chunks() if isinstance(values, pa.ChunkedArray) else values
    try:
        read, unreadable = as_numbers(chunk, form)
    except pa.ArrowInvalid as error:
        raise DataError(f"column {name!r}: {error}") from error
    if pc.any(unreadable).as_py():
        raise DataError(f"column {name!r}: {chunk.filter(unreadable)[0].as_py()!r} is not a number. {REMEDY}")
    numbers: Floats = read.fill_null(float("nan")).to_numpy(zero_copy_only=False)
    return np.where(np.isfinite(numbers), numbers, np.nan)


class Encoder:
    """Encodes rows with the vocabularies and moments of a schema.

    Args:
        categorical: Columns to encode as codes.
        numeric: Columns to encode as numbers.
        parts: Parts that features come from, by name; features of no part are given as numbers of the rows.
        owners: Feature → name of its part.
        form: How texts are read as numbers.
    """

    def __init__(
        self,
        categorical: Sequence[Categorical],
        numeric: Sequence[Numeric],
        parts: Mapping[str, TextPart],
        owners: Mapping[str, str],
        form: FileFormat,
    ) -> None:
        self._widths = len(categorical), len(numeric)
        self._codes: dict[str, tuple[list[int], Codes]] = {}
        self._numbers: dict[str, tuple[list[int], Numbers]] = {}
        self._direct = [(i, column) for i, column in enumerate(numeric) if column.name not in owners]
        for key, part in parts.items():
            chosen = [i for i, column in enumerate(categorical) if owners.get(column.name) == key]
            if chosen:
                self._codes[key] = (
                    chosen,
                    _lookup([codes_of(part.values(categorical[i].name), categorical[i]) for i in chosen], np.int32(0)),
                )
            chosen = [i for i, column in enumerate(numeric) if owners.get(column.name) == key]
            if chosen:
                self._numbers[key] = (
                    chosen,
                    _lookup(
                        [
                            standardised(floats(part.values(numeric[i].name), numeric[i].name, form), numeric[i])
                            for i in chosen
                        ],
                        np.float32(np.nan),
                    ),
                )

    def __call__(self, rows: int, indices: Mapping[str, Index], numbers: Mapping[str, Floats]) -> tuple[Codes, Numbers]:
        """Encode a batch of rows.

        Args:
            rows: Number of rows.
            indices: Indices by part, each of shape (rows,).
            numbers: Raw numbers by column, each of shape (rows,).

        Returns:
            Codes, shape (rows, categorical columns), and standardised numbers, NaN where missing, shape (rows, numeric
            columns).
        """
        codes = np.empty((rows, self._widths[0]), dtype=np.int32)
        values = np.empty((rows, self._widths[1]), dtype=np.float32)
        for key, (places, lookup) in self._codes.items():
            _put(codes, places, lookup, indices[key])
        for key, (places, table) in self._numbers.items():
            _put(values, places, table, indices[key])
        for place, column in self._direct:
            values[:, place] = standardised(numbers[column.name], column)
        return codes, values


def standardised(values: Floats, column: Numeric) -> Numbers:
    """Return values standardised by the mean and standard deviation of the training rows."""
    return ((values - column.mean) / column.std).astype(np.float32)


def _lookup(columns: list[npt.NDArray[Any]], missing: np.generic) -> npt.NDArray[Any]:
    # One more row at the end, which index -1 (a missing value) reads.
    table = np.stack(columns, axis=1)
    return np.vstack([table, np.full((1, table.shape[1]), missing, table.dtype)])


def _put(block: npt.NDArray[Any], places: list[int], lookup: npt.NDArray[Any], index: Index) -> None:
    rows = lookup[index]
    if places == list(range(places[0], places[0] + len(places))):
        block[:, places[0] : places[0] + len(places)] = rows
    else:
        block[:, places] = rows
