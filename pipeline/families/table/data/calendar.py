"""Derive calendar columns from dates."""

from collections.abc import Callable, Sequence

import pyarrow as pa
import pyarrow.compute as pc

from pipeline.data.errors import DataError

PARTS: dict[str, Callable[[pa.Array], pa.Array]] = {
    "year": pc.year,
    "month": pc.month,
    "day": pc.day,
    "weekday": pc.day_of_week,
    "day_of_year": pc.day_of_year,
    "week": pc.iso_week,
    "hour": pc.hour,
    "days": lambda times: times.cast(pa.date32()).cast(pa.int32()),
}
"""Part → kernel over timestamps. Monday is weekday 0; weeks are ISO weeks; `days` counts days since 1970-01-01."""
YEARS = 1900, 2100
"""First and last year of dates that are guessed from eight digits."""


def dates_of(table: pa.Table, columns: Sequence[str], parts: Sequence[str]) -> pa.Array | pa.ChunkedArray:
    """Return the date of each row as text: 2013-12-31, or 2013-12-31 23 if the parts include the hour.

    Args:
        table: A table that holds `columns` as text.
        columns: One column of dates (ISO 8601, 20131231 or 2013/12/31), or three columns: year, month, day.
        parts: Keys of `PARTS`.
    """
    if len(columns) == 1:
        column = table[columns[0]].cast(pa.string())
        return _shortened(column, 13 if "hour" in parts else 10)
    if len(columns) != 3:
        raise DataError(f"data.calendar: expected one date column or year, month, day; received {list(columns)}")
    padded = [pc.utf8_lpad(table[c].cast(pa.string()), width, "0") for c, width in zip(columns, (4, 2, 2), strict=True)]
    return pc.binary_join_element_wise(*padded, "-")


def _shortened(texts: pa.Array | pa.ChunkedArray, length: int) -> pa.Array | pa.ChunkedArray:
    dashed = pc.replace_substring_regex(texts, r"^(\d{4})(\d{2})(\d{2})$|^(\d{4})/(\d{2})/(\d{2})", r"\1\4-\2\5-\3\6")
    return pc.replace_substring(pc.utf8_slice_codeunits(dashed, 0, length), "T", " ")


def timestamps(texts: pa.Array) -> pa.Array:
    """Convert the texts that `dates_of` returned into timestamps.

    Raises:
        DataError: A text is not a date.
    """
    full = pc.if_else(pc.equal(pc.utf8_length(texts), 13), pc.binary_join_element_wise(texts, ":00", ""), texts)
    try:
        return pc.cast(full, pa.timestamp("s"))
    except pa.ArrowInvalid as error:
        raise DataError(f"{error}; expected dates like 2013-12-31") from error


def is_date(text: str) -> bool:
    """Return whether `timestamps` accepts a text."""
    try:
        year = timestamps(_shortened(pa.array([text]), 13))[0].as_py().year
    except DataError:
        return False
    return len(text) >= 10 or (len(text) == 8 and YEARS[0] <= year <= YEARS[1])
