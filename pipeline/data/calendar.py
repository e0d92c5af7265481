"""Columns derived from dates."""

from collections.abc import Callable, Sequence

import pyarrow as pa
import pyarrow.compute as pc

from pipeline.data.errors import DataError

PARTS: dict[str, Callable[[pa.Array], pa.Array]] = {
    "weekday": pc.day_of_week,
    "day_of_year": pc.day_of_year,
    "week": pc.iso_week,
}


def calendar(table: pa.Table, name: str, columns: Sequence[str], parts: Sequence[str]) -> pa.Table:
    """Add `NAME_PART` columns (int64).

    Args:
        table: Holds `columns` as text.
        name: Prefix of the new columns.
        columns: One column of dates (ISO 8601), or three: year, month, day.
        parts: Keys of `PARTS`.

    Raises:
        DataError: A value that is no date.
    """
    dates = _dates(table, columns)
    for part in parts:
        table = table.append_column(f"{name}_{part}", PARTS[part](dates))
    return table


def _dates(table: pa.Table, columns: Sequence[str]) -> pa.ChunkedArray:
    if len(columns) == 1:
        text = pc.utf8_slice_codeunits(table[columns[0]].cast(pa.string()), 0, 10)
    elif len(columns) == 3:
        padded = [
            pc.utf8_lpad(table[c].cast(pa.string()), width, "0") for c, width in zip(columns, (4, 2, 2), strict=True)
        ]
        text = pc.binary_join_element_wise(*padded, "-")
    else:
        raise DataError(f"data.calendar: expected one date column or year, month, day; received {list(columns)}")
    try:
        return pc.cast(text, pa.date32())
    except pa.ArrowInvalid as error:
        raise DataError(f"data.calendar: {', '.join(columns)}: {error}; expected dates like 2013-12-31") from error
