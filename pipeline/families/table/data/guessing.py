"""Guess the kind of a column from a sample of its values."""

from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from pipeline.families.table.data.calendar import is_date

FEW = 32
"""Largest number of distinct whole numbers that are taken as categories, such as grades, months or codes."""
GAPS = 4
"""Average gap between whole numbers below which they are taken as consecutive row numbers."""
CHECKED = 200
"""Number of distinct values that are examined to recognise a date."""


@dataclass(frozen=True)
class Guess:
    """The likely kind of a column, guessed from a sample.

    Attributes:
        name: Name of the column.
        kind: `categorical`, `numeric`, `date`, `id` (a different value in every row) or `empty` (no value at all).
        distinct: Number of distinct values in the sample.
        missing: Number of rows without a value in the sample.
        rows: Number of rows in the sample.
        examples: The most frequent values.
        has_hours: Whether it is a date with a time of day.
        is_amount: Whether it is a number and not a code: it has many distinct values, or fractions.
    """

    name: str
    kind: str
    distinct: int
    missing: int
    rows: int
    examples: list[str]
    has_hours: bool
    is_amount: bool


def guess(name: str, column: pa.ChunkedArray) -> Guess:
    """Guess the kind of a column of text."""
    present = column.drop_null()
    counts = pc.value_counts(present)
    counts = counts.take(pc.sort_indices(counts.field("counts"), sort_keys=[("", "descending")]))
    values = counts.field("values")
    numbers = _numbers(values)
    is_amount = numbers is not None and (len(values) > FEW or not _are_whole(numbers))
    first = values.slice(0, CHECKED).to_pylist()
    is_dated = numbers is None and bool(first) and all(is_date(text) for text in first)
    if not first:
        kind = "empty"
    elif is_dated:
        kind = "date"
    elif len(values) == len(column) > FEW and (numbers is None or _are_counted(numbers)):
        kind = "id"
    else:
        kind = "numeric" if is_amount else "categorical"
    hours = is_dated and any(len(text) > 12 and text[11:13] != "00" for text in first)
    return Guess(name, kind, len(values), len(column) - len(present), len(column), first[:5], hours, is_amount)


def _numbers(values: pa.Array) -> pa.Array | None:
    # 007 is a code, not the number 7.
    if pc.any(pc.match_substring_regex(values, r"^-?0\d")).as_py():
        return None
    try:
        return values.cast(pa.float64())
    except pa.ArrowInvalid:
        return None


def _are_counted(numbers: pa.Array) -> bool:
    # Numbers that were assigned consecutively; distinct amounts have wider gaps.
    least, most = pc.min_max(numbers).values()
    return _are_whole(numbers) and most.as_py() - least.as_py() < GAPS * len(numbers)


def _are_whole(numbers: pa.Array) -> bool:
    return bool(pc.all(pc.equal(numbers, pc.round(numbers))).as_py())
