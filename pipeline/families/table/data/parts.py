"""Where features come from: each part turns a batch of rows into one index a row, and knows the value behind each.

What is done to a value (a lookup in a vocabulary, a calendar) is thus done once a value, not once a row; a side table
is looked up once a key.
"""

from collections.abc import Sequence
from copy import copy
from typing import Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.data.errors import DataError
from pipeline.families.table.data.calendar import PARTS, dates_of, is_date, timestamps
from pipeline.families.table.data.counting import MISSING, Index
from pipeline.families.table.data.joins import key_of, keys_of_side


class TextPart:
    """A column of the rows, as text; indices count its distinct values in order of appearance.

    Attributes:
        names: Features that it gives.
    """

    def __init__(self, name: str) -> None:
        self.names = [name]
        self._known: dict[str, int] = {}

    def index(self, batch: pa.Table) -> Index:
        """Return an index a row, `(rows,)`, `MISSING` where there is no value; new values get the next ones."""
        return self._count(batch[self.names[0]])

    def __len__(self) -> int:
        return len(self._known)

    def values(self, name: str) -> pa.Array:
        """Return the value of a feature behind each index."""
        return pa.array(self._known, pa.string())

    def _count(self, column: pa.ChunkedArray | pa.Array) -> Index:
        chunks = column.chunks if isinstance(column, pa.ChunkedArray) else [column]
        return np.concatenate([self._chunk(chunk) for chunk in chunks] or [np.empty(0, np.int32)])

    def _chunk(self, chunk: pa.Array) -> Index:
        encoded = chunk if pa.types.is_dictionary(chunk.type) else chunk.cast(pa.string()).dictionary_encode()
        known = self._known
        # A dictionary may hold null as one of its values; the last place stands for rows without an index.
        places = [MISSING if v is None else known.setdefault(v, len(known)) for v in encoded.dictionary.to_pylist()]
        lookup = np.array([*places, MISSING], dtype=np.int32)
        indices = encoded.indices
        if indices.null_count:
            indices = pc.fill_null(indices, len(places))
        found: Index = lookup[indices.to_numpy()]
        return found


class CalendarPart(TextPart):
    """Calendar features `NAME_PART` of a date column, or of year, month and day."""

    def __init__(self, name: str, columns: Sequence[str], parts: Sequence[str]) -> None:
        super().__init__(name)
        self.names = [f"{name}_{part}" for part in parts]
        self._name, self._columns, self._parts = name, columns, parts

    def index(self, batch: pa.Table) -> Index:
        """Return indices of the dates.

        Raises:
            DataError: A text that is no date.
        """
        seen = len(self._known)
        indices = self._count(dates_of(batch, self._columns, self._parts))
        self._refuse_others(list(self._known)[seen:], indices, seen)
        return indices

    def values(self, name: str) -> pa.Array:
        """Return a part of each date."""
        return PARTS[name.removeprefix(f"{self._name}_")](timestamps(super().values(name)))

    def _refuse_others(self, new: list[str], indices: Index, seen: int) -> None:
        try:
            timestamps(pa.array(new, pa.string()))
        except DataError:
            wrong = next(i for i, text in enumerate(new) if not is_date(text))
            row = int(np.flatnonzero(indices == seen + wrong)[0])
            raise RowError(
                row,
                f"data.calendar: {', '.join(self._columns)}: {new[wrong]!r} is no date; "
                "expected dates like 2013-12-31, or list the value in data.missing",
            ) from None


class SidePart(TextPart):
    """The columns of a side table, joined on a key; indices count the keys of the rows, looked up once each.

    Args:
        table: At most one row a key; feature columns are prefixed already.
        key: Columns that the rows and the table have in common. A single one is given as text, too.
        file: Its name, for errors.
    """

    def __init__(self, table: pa.Table, key: Sequence[str], file: str) -> None:
        super().__init__(key[0])
        self.names = [name for name in table.column_names if name not in key] + (list(key) if len(key) == 1 else [])
        self._table, self._key = table.combine_chunks(), key
        self._keys = keys_of_side(table, key, file)

    def fresh(self) -> Self:
        """Return the same, with no keys seen."""
        other = copy(self)
        other._known, other._rows = {}, None
        return other

    _rows: pa.Array | None = None

    def index(self, batch: pa.Table) -> Index:
        """Return indices of the keys."""
        self._rows = None
        return self._count(key_of(batch, self._key))

    def values(self, name: str) -> pa.Array:
        """Return a column of the side table, a value for each key; null for keys that it lacks."""
        if name in self._key:
            return super().values(name)
        if self._rows is None:
            self._rows = pc.index_in(super().values(name), value_set=self._keys, skip_nulls=True)
        return self._table[name].combine_chunks().take(self._rows)


class RowError(DataError):
    """Something is wrong with a row of a batch; who reads the file knows its line.

    Args:
        row: Of the batch, from 0.
        reason: What is wrong.
    """

    def __init__(self, row: int, reason: str) -> None:
        super().__init__(reason)
        self.row, self.reason = row, reason
