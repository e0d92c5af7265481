"""The parts that features come from: each part gives one index per row, and knows the value of each index.

Work on a value (a lookup in a vocabulary, a calendar) is thus done once per value, not once per row. A side table is
looked up once per key.
"""

from collections.abc import Sequence
from copy import copy
from typing import Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.data.cells import DATE_FORMATS
from pipeline.data.errors import DataError
from pipeline.families.table.data.calendar import PARTS, dates_of, timestamps
from pipeline.families.table.data.counting import MISSING, Index
from pipeline.families.table.data.joins import key_of, keys_of_side


class TextPart:
    """A column of the rows, as text; indices number its distinct values in order of appearance.

    Attributes:
        names: Names of the features that it provides.
    """

    def __init__(self, name: str) -> None:
        self.names = [name]
        self._known: dict[str, int] = {}

    def index(self, batch: pa.Table) -> Index:
        """Return one index per row, `MISSING` for null, shape (rows,); new values get the next free indices."""
        return self._count(batch[self.names[0]])

    def __len__(self) -> int:
        return len(self._known)

    def values(self, name: str) -> pa.Array:
        """Return the value of a feature for each index."""
        return pa.array(self._known, pa.string())

    def _count(self, column: pa.ChunkedArray | pa.Array) -> Index:
        chunks = column.chunks if isinstance(column, pa.ChunkedArray) else [column]
        return np.concatenate([self._chunk(chunk) for chunk in chunks] or [np.empty(0, np.int32)])

    def _chunk(self, chunk: pa.Array) -> Index:
        encoded = chunk if pa.types.is_dictionary(chunk.type) else chunk.cast(pa.string()).dictionary_encode()
        known = self._known
        # A dictionary may hold null as one of its values; the last entry is for rows whose index is null.
        places = [MISSING if v is None else known.setdefault(v, len(known)) for v in encoded.dictionary.to_pylist()]
        lookup = np.array([*places, MISSING], dtype=np.int32)
        indices = encoded.indices
        if indices.null_count:
            indices = pc.fill_null(indices, len(places))
        rows: Index = lookup[indices.to_numpy()]
        return rows


class CalendarPart(TextPart):
    """Calendar features `NAME_PART` of a date column, or of year, month and day."""

    def __init__(self, name: str, columns: Sequence[str], parts: Sequence[str], form: str = "year_first") -> None:
        super().__init__(name)
        self.names = [f"{name}_{part}" for part in parts]
        self._name, self._columns, self._parts, self._form = name, columns, parts, form

    def index(self, batch: pa.Table) -> Index:
        """Return the indices of the dates.

        Raises:
            RowError: A text is not a date.
        """
        count = len(self._known)
        indices = self._count(dates_of(batch, self._columns, self._parts, self._form))
        self._require_dates(list(self._known)[count:], indices, count)
        return indices

    def values(self, name: str) -> pa.Array:
        """Return a calendar feature of each date."""
        return PARTS[name.removeprefix(f"{self._name}_")](timestamps(super().values(name)))

    def _require_dates(self, new: list[str], indices: Index, count: int) -> None:
        if _are_dates(new):
            return
        wrong = next(i for i, text in enumerate(new) if not _are_dates([text]))
        row = int(np.flatnonzero(indices == count + wrong)[0])
        raise RowError(
            row,
            f"data.calendar: {', '.join(self._columns)}: {new[wrong]!r} is not a date; expected dates like "
            f"{DATE_FORMATS[self._form]} (format={self._form}), or list the value in data.missing",
        )


def _are_dates(texts: list[str]) -> bool:
    try:
        timestamps(pa.array(texts, pa.string()))
    except DataError:
        return False
    return True


class SidePart(TextPart):
    """The columns of a side table, joined on a key; indices number the keys of the rows, each looked up once.

    Args:
        table: The side table, with at most one row per key and feature columns already prefixed.
        key: Columns that the rows and the table have in common. A single key column is also provided as text.
        file: Name of the side table's file, for errors.
    """

    def __init__(self, table: pa.Table, key: Sequence[str], file: str) -> None:
        super().__init__(key[0])
        self.names = [name for name in table.column_names if name not in key] + (list(key) if len(key) == 1 else [])
        self._table, self._key = table.combine_chunks(), key
        self._keys = keys_of_side(table, key, file)

    def fresh(self) -> Self:
        """Return a copy that has not seen any keys."""
        other = copy(self)
        other._known, other._rows = {}, None
        return other

    _rows: pa.Array | None = None

    def index(self, batch: pa.Table) -> Index:
        """Return the indices of the keys."""
        self._rows = None
        return self._count(key_of(batch, self._key))

    def values(self, name: str) -> pa.Array:
        """Return a column of the side table, with one value per key; null for keys that the table lacks."""
        if name in self._key:
            return super().values(name)
        if self._rows is None:
            self._rows = pc.index_in(super().values(name), value_set=self._keys, skip_nulls=True)
        return self._table[name].combine_chunks().take(self._rows)


class RowError(DataError):
    """A row of a batch is faulty; the reader of the file adds the line number.

    Args:
        row: Number of the row in the batch, from 0.
        reason: A description of the fault.
    """

    def __init__(self, row: int, reason: str) -> None:
        super().__init__(reason)
        self.row, self.reason = row, reason
