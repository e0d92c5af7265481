"""Keys of side tables, which are joined without changing the order or the number of rows."""

from collections.abc import Sequence

import pyarrow as pa
import pyarrow.compute as pc

from pipeline.data.errors import DataError

SEPARATOR = "\x1f"
"""Between the parts of a key of several columns: ASCII's own unit separator, which no table holds as text."""


def key_of(table: pa.Table, columns: Sequence[str]) -> pa.ChunkedArray:
    """Return one text a row that names its values in `columns`; null where any of them is null."""
    if len(columns) == 1:
        return table[columns[0]]
    return pc.binary_join_element_wise(*(table[name].cast(pa.string()) for name in columns), SEPARATOR)


def keys_of_side(table: pa.Table, key: Sequence[str], file: str) -> pa.Array:
    """Return the key of each row of a side table.

    Raises:
        DataError: A key stands twice; a row must find at most one.
    """
    keys = key_of(table, key).cast(pa.string()).combine_chunks()
    counts = pc.value_counts(keys.drop_null())
    twice = counts.filter(pc.greater(counts.field("counts"), 1))
    if len(twice):
        shown = str(twice.field("values")[0]).replace(SEPARATOR, ", ")
        raise DataError(
            f"{file}: {len(twice)} keys ({', '.join(key)}) stand in several rows, for example {shown}; "
            "a side table needs one row a key. Remove the doubles or name more key columns in data.joins."
        )
    return keys
