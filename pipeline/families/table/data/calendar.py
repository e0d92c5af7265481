"""Derive calendar columns from dates."""

from collections.abc import Callable, Sequence

import pyarrow as pa
import pyarrow.compute as pc

from pipeline.data.cells import moment_of
from pipeline.data.errors import DataError
from pipeline.families.table.data.counting import distinct

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
ISO = r"^\d{4}-\d{2}-\d{2}([ T]([01]\d|2[0-3])(:[0-5]\d(:[0-5]\d(\.\d+)?)?)?)?$"
"""Dates that need no more than to be cut; their number of days is checked later."""


def dates_of(table: pa.Table, columns: Sequence[str], parts: Sequence[str], form: str) -> pa.Array | pa.ChunkedArray:
    """Return the date of each row as text: 2013-12-31, or 2013-12-31 23 if the parts include the hour.

    Texts that are not dates are returned as they are; `timestamps` refuses them.

    Args:
        table: A table that holds `columns` as text.
        columns: One column of dates, or three columns: year, month, day.
        parts: Keys of `PARTS`.
        form: How one column of dates is written: one of `DATE_FORMATS`.
    """
    if len(columns) == 1:
        column = table[columns[0]]
        chunks = column.chunks if isinstance(column, pa.ChunkedArray) else [column]
        return pa.chunked_array([_dates(chunk, form, "hour" in parts) for chunk in chunks], pa.string())
    if len(columns) != 3:
        raise DataError(f"data.calendar: expected one date column or year, month, day; received {list(columns)}")
    padded = [pc.utf8_lpad(table[c].cast(pa.string()), width, "0") for c, width in zip(columns, (4, 2, 2), strict=True)]
    return pc.binary_join_element_wise(*padded, "-")


def _dates(values: pa.Array, form: str, with_hours: bool) -> pa.Array:
    texts, places = distinct(values)
    length = 13 if with_hours else 10
    cut = pc.replace_substring(pc.utf8_slice_codeunits(texts, 0, length), "T", " ")
    is_iso = pc.and_(pc.match_substring_regex(texts, ISO), form != "unix")
    if not pc.all(is_iso).as_py():
        others = texts.filter(pc.invert(is_iso)).to_pylist()
        read = [_date(text, form, length) for text in others]
        cut = pc.replace_with_mask(cut, pc.invert(is_iso), pa.array(read, pa.string()))
    return cut.take(pa.array(places, mask=places < 0))


def _date(text: str, form: str, length: int) -> str:
    moment = moment_of(text, form)
    return moment.isoformat(" ", "hours")[:length] if moment else text


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


def is_date(text: str, form: str) -> bool:
    """Return whether a text is a date of a format (one of `DATE_FORMATS`)."""
    return moment_of(text, form) is not None
