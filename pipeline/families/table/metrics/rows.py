"""The test rows by what the network saw of them: in slices, and those with the largest errors."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pipeline.config import no_such
from pipeline.data.errors import DataError
from pipeline.data.reading import header, read
from pipeline.families.table.data.arrays import Arrays
from pipeline.families.table.data.schema import UNKNOWN, Schema
from pipeline.metrics import Importance, Slicing, by_category, by_number

MOST_COLUMNS = 5
"""Number of columns by which `evaluate.slices=auto` divides the rows."""


def slicings(
    rows: Arrays, schema: Schema, chosen: str | Sequence[str], importances: Sequence[Importance], raw: Path
) -> list[Slicing]:
    """Return the divisions of rows by the values of columns.

    Args:
        rows: The rows.
        schema: The schema of the prepared data.
        chosen: Names of columns; `auto` for the most important ones.
        importances: The importance of columns, most important first.
        raw: The folder of the raw files, for columns that the network does not take.

    Raises:
        DataError: Neither the network nor the main file has a column.
    """
    categorical = {column.name: index for index, column in enumerate(schema.categorical)}
    numeric = {column.name: index for index, column in enumerate(schema.numeric)}
    if isinstance(chosen, str):
        named = [each.columns[0] for each in importances if len(each.columns) == 1]
        chosen = [name for name in named if name in categorical or name in numeric][:MOST_COLUMNS]
    found = []
    for name in chosen:
        if name in categorical:
            codes = np.asarray(rows.categorical[:, categorical[name]])
            found.append(by_category(name, codes, [UNKNOWN, *schema.categorical[categorical[name]].categories]))
        elif name in numeric:
            found.append(by_number(name, amounts(rows, schema, numeric[name])))
        else:
            found.append(_by_raw_column(name, rows, schema, raw))
    return found


def amounts(rows: Arrays, schema: Schema, index: int) -> npt.NDArray[np.float64]:
    """Return a numeric column in its own units, NaN where missing, shape (rows,)."""
    column = schema.numeric[index]
    restored: npt.NDArray[np.float64] = np.asarray(rows.numeric[:, index], np.float64) * column.std + column.mean
    # Seven digits of the largest values are what float32 holds; more would be errors of rounding.
    scale = abs(column.mean) + 3 * column.std
    return np.round(restored, 5 - math.floor(math.log10(scale))) if scale > 0 else restored


def _by_raw_column(name: str, rows: Arrays, schema: Schema, raw: Path) -> Slicing:
    main, form = raw / schema.layout.main, schema.layout.format
    known = header(main, form)
    if name not in known:
        inputs = [*(column.name for column in schema.categorical), *(column.name for column in schema.numeric)]
        raise DataError(f"evaluate.slices: {main} has no column {no_such([name], [*known, *inputs])}")
    values = read(main, [name], [], form)[name].take(pa.array(rows.row)).combine_chunks().dictionary_encode()
    codes = values.indices.fill_null(len(values.dictionary)).to_numpy()
    return by_category(name, codes, [*map(str, values.dictionary.to_pylist()), UNKNOWN])


def seen(rows: Arrays, schema: Schema) -> dict[str, list[Any]]:
    """Return the values that the network saw of each of its columns; None for a missing number."""
    columns: dict[str, list[Any]] = {}
    for index, category in enumerate(schema.categorical):
        names = [UNKNOWN, *category.categories]
        columns[category.name] = [names[code] for code in rows.categorical[:, index].tolist()]
    for index, number in enumerate(schema.numeric):
        values = amounts(rows, schema, index).tolist()
        # A column may be taken both as a category and as a number.
        name = number.name if number.name not in columns else f"{number.name} (number)"
        columns[name] = [None if np.isnan(value) else value for value in values]
    return columns
