"""Join side tables without changing the order or the number of rows."""

from collections.abc import Sequence

import pyarrow as pa
import pyarrow.compute as pc

from pipeline.data.errors import DataError

SEPARATOR = "\x1f"
"""Between the parts of a key of several columns: ASCII's own unit separator, which no table holds as text."""


def key_of(table: pa.Table, columns: Sequence[str]) -> pa.ChunkedArray:
    """Return one text a row that names its values in `columns`; null where any of them is null."""
    parts = [table[name].cast(pa.string()) for name in columns]
    return parts[0] if len(parts) == 1 else pc.binary_join_element_wise(*parts, SEPARATOR)


def join(main: pa.Table, side: pa.Table, key: Sequence[str], prefix: str, name: str) -> pa.Table:
    """Add the columns of `side` to the rows of `main` (left join, at most one match a row).

    Args:
        main: Rows that stay as they are.
        side: At most one row a key.
        key: Columns that both tables have.
        prefix: Goes before the names of the added columns.
        name: Of the side table, for errors.

    Raises:
        DataError: A key stands twice in `side`, or an added column would hide one of `main`.
    """
    keys = key_of(side, key)
    counts = pc.value_counts(keys.drop_null())
    twice = counts.filter(pc.greater(counts.field("counts"), 1))
    if len(twice):
        shown = str(twice.field("values")[0]).replace(SEPARATOR, ", ")
        raise DataError(
            f"{name}: {len(twice)} keys ({', '.join(key)}) stand in several rows, for example {shown}; "
            "a side table needs one row a key. Remove the doubles or name more key columns in data.joins."
        )
    rows = pc.index_in(key_of(main, key), value_set=keys.combine_chunks(), skip_nulls=True)
    for column in side.column_names:
        if column in key:
            continue
        if prefix + column in main.column_names:
            raise DataError(f"{name}: {prefix + column!r} exists already; choose another prefix in data.joins")
        main = main.append_column(prefix + column, side[column].take(rows))
    return main
