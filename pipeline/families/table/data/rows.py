"""Keep the rows of a file on disk between reading and encoding."""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.families.table.data.counting import MISSING, Counts, Index, counts, distinct
from pipeline.families.table.data.encoding import Floats, floats
from pipeline.families.table.data.store import Column
from pipeline.families.table.data.tables import Table, stream

EXAMPLES = 5
"""Number of raw rows that are stored with the arrays as an example of the network's input."""


class RawRows:
    """All rows of the main file, on disk: one index per row into each part, and the plain numbers."""

    def __init__(self, path: Path, table: Table, folder: Path) -> None:
        folder.mkdir()
        self.table = table
        self.indices = {key: Column(folder / f"{i}.index", "int32") for i, key in enumerate(table.parts)}
        self.numbers = {name: Column(folder / f"{i}.number", "float64") for i, name in enumerate(table.numbers)}
        self._ids = Column(folder / "ids", "uint64")
        self.rows = 0
        self.head: list[dict[str, Any]] = []
        named = [table.layout.id] if table.layout.id else []
        for batch, indices, numbers in stream(path, table, named):
            if not self.head:
                self.head = _rows(batch.slice(0, EXAMPLES), indices, table)
            for key, index in indices.items():
                self.indices[key].append(index)
            for name, values in numbers.items():
                self.numbers[name].append(values)
            for name in named:
                self._ids.append(text_hashes(batch[name]))
            self.rows += batch.num_rows

    def ids(self) -> npt.NDArray[np.uint64]:
        """Return a hash of each row's id; the table must have an id column."""
        return self._ids.read()

    def texts(self, name: str) -> tuple[list[str], Index]:
        """Return the distinct texts of a column, sorted, and each row's place among them, -1 where missing."""
        if name in self.numbers:
            values = pa.array(self.numbers[name].read(), from_pandas=True)
            rows: Index = np.arange(self.rows, dtype=np.int32)
        else:
            values, rows = self.values(name), self.index(name)
        encoded = values.cast(pa.string()).dictionary_encode()
        texts, places = distinct(encoded)
        rank = np.append(np.argsort(pc.sort_indices(texts).to_numpy()), MISSING).astype(np.int32)
        # First value → rank, then row → rank, so that one array is as long as the table instead of two.
        return texts.sort().to_pylist(), rank[np.append(places, MISSING)][rows]

    def floats(self, name: str) -> Floats:
        """Return a column as numbers, one per row, NaN where missing."""
        if name in self.numbers:
            return self.numbers[name].read()
        numbers: Floats = np.append(floats(self.values(name), name, self.table.layout.format), np.nan)[self.index(name)]
        return numbers

    def values(self, name: str) -> pa.Array:
        """Return the value of a column for each index of its part."""
        return self.table.parts[self.table.owners[name]].values(name)

    def index(self, name: str) -> Index:
        """Return the place of each row in `values`, `MISSING` for null."""
        index: Index = self.indices[self.table.owners[name]].read()
        return index

    def counts(self, part: str, chosen: npt.NDArray[np.bool_]) -> Counts:
        """Count the chosen rows by index of a part."""
        return counts(self.indices[part].read()[chosen], len(self.table.parts[part]))

    def amounts(
        self, name: str, chosen: npt.NDArray[np.bool_], uses: Mapping[str, Counts]
    ) -> tuple[Floats, Counts | None]:
        """Return the numbers of the chosen rows: distinct numbers with their counts, or one per row and None."""
        if name in self.numbers:
            return self.numbers[name].read()[chosen], None
        return floats(self.values(name), name, self.table.layout.format), uses[self.table.owners[name]]

    def block(self, start: int, count: int, order: npt.NDArray[Any]) -> tuple[dict[str, Index], dict[str, Floats]]:
        """Return indices by part and plain numbers by column of a block of rows, in the given order."""
        indices = {key: column.read(start, count)[order] for key, column in self.indices.items()}
        return indices, {name: column.read(start, count)[order] for name, column in self.numbers.items()}


def text_hashes(texts: pa.ChunkedArray) -> npt.NDArray[np.uint64]:
    """Hash texts: each byte is multiplied by a fixed random number of its place (multilinear, Carter and Wegman 1979).

    Two different texts collide with a probability of at most 2**-57.
    """
    column = pc.fill_null(texts.cast(pa.large_string()).combine_chunks(), "")
    _, offsets, content = column.buffers()
    ends = np.frombuffer(offsets, dtype=np.int64)[column.offset : column.offset + len(column) + 1]
    letters = np.frombuffer(content or b"", dtype=np.uint8)[ends[0] : ends[-1]]
    ends = ends - ends[0]
    lengths = np.diff(ends)
    drawn = np.random.default_rng(0).integers(2**64, size=int(lengths.max(initial=0)), dtype=np.uint64)
    products = (letters + np.uint64(1)) * drawn[np.arange(len(letters)) - np.repeat(ends[:-1], lengths)]
    sums = np.append(np.uint64(0), np.cumsum(products))
    hashes: npt.NDArray[np.uint64] = sums[ends[1:]] - sums[ends[:-1]]
    return hashes


def _rows(batch: pa.Table, indices: Mapping[str, Index], table: Table) -> list[dict[str, Any]]:
    """Return rows in the form that a prediction takes, including joined columns."""
    columns = {}
    for name in table.layout.features:
        if name in batch.column_names:
            columns[name] = batch[name].to_pylist()
        else:
            values, places = table.parts[table.owners[name]].values(name), indices[table.owners[name]][: batch.num_rows]
            columns[name] = [None if i == MISSING else values[int(i)].as_py() for i in places]
    rows = zip(*columns.values(), strict=True)
    return [{name: _finite(value) for name, value in zip(columns, row, strict=True)} for row in rows]


def _finite(value: Any) -> Any:
    # JSON has no NaN, which means missing here anyway.
    return None if isinstance(value, float) and not math.isfinite(value) else value
