"""Build the keys of side tables, which are joined without changing the order or the number of rows."""

from collections.abc import Sequence

import pyarrow as pa
import pyarrow.compute as pc

from pipeline.data.errors import DataError

SEPARATOR = "\x1f"
"""Separates the parts of a multi-column key: ASCII's unit separator, which does not occur in the text of tables."""


def key_of(table: pa.Table, columns: Sequence[str]) -> pa.ChunkedArray:
    """Return one text per row that combines its values in `columns`; null where any of them is null."""
    if len(columns) == 1:
        return table[columns[0]]
    return pc.binary_join_element_wise(*(table[name].cast(pa.string()) for name in columns), SEPARATOR)


def keys_of_side(table: pa.Table, key: Sequence[str], file: str) -> pa.Array:
    """Return the key of each row of a side table.

    Raises:
        DataError: A key occurs in several rows; each key must have at most one.
    """
    keys = key_of(table, key).cast(pa.string()).combine_chunks()
    counts = pc.value_counts(keys.drop_null())
    duplicates = counts.filter(pc.greater(counts.field("counts"), 1))
    if len(duplicates):
        shown = str(duplicates.field("values")[0]).replace(SEPARATOR, ", ")
        raise DataError(
            f"{file}: {len(duplicates)} keys ({', '.join(key)}) occur in several rows, for example {shown}; "
            "a side table needs one row per key. Remove the duplicates or name more key columns in data.joins."
        )
    return keys
