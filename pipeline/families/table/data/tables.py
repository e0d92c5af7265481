"""Read the rows of a table, with joined and derived columns, as indices into the parts its features come from."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa

from pipeline.config import no_such
from pipeline.data.errors import DataError
from pipeline.data.reading import batches, header, read
from pipeline.families.table.data.calendar import PARTS, dates_of, timestamps
from pipeline.families.table.data.counting import Index
from pipeline.families.table.data.encoding import Encoder, Floats, floats
from pipeline.families.table.data.layout import Layout, Side
from pipeline.families.table.data.parts import CalendarPart, RowError, SidePart, TextPart


class Table:
    """The rows of a file of this layout, batch by batch, as indices into parts and as plain numbers.

    Args:
        layout: Files and columns.
        folder: The folder of the side tables.
        known: Names of the columns of the rows.
        name: Name of the source of the rows, for errors.
        labelled: Whether to read the columns that are not features as well (target and groups).

    Raises:
        DataError: Neither the rows nor a side table have some columns; the error names all of them.
    """

    def __init__(self, layout: Layout, folder: Path, known: Sequence[str], name: str, *, labelled: bool) -> None:
        self.layout, self.folder = layout, folder
        wanted = [*layout.features, *(dict.fromkeys([*layout.labels, *layout.amounts]) if labelled else [])]
        # New rows may already have the columns of a side table; then the side table is not joined.
        self._sides = _side_parts(layout, folder, known, wanted, joined=not labelled)
        given = {name for part, key in self._sides for name in part.names if name not in key}
        self.columns = [name for name in dict.fromkeys(wanted) if name not in given]
        self.keys = list(dict.fromkeys(column for _, key in self._sides for column in key))
        absent = sorted({*self.columns, *self.keys} - set(known))
        if absent:
            files = ", ".join([name, *(side.file for side in layout.sides)]) if labelled else name
            raise DataError(f"{files}: no column {no_such(absent, {*known, *given})}")
        self.numbers = [name for name in self.columns if name in layout.numbers]
        self._given = given
        self.reset()

    def reset(self) -> None:
        """Forget the values of earlier batches, so that memory does not grow with the rows; keep the side tables."""
        layout = self.layout
        used = [d for d in layout.derived if set(d.produced) & {*layout.inputs} and not set(d.produced) & self._given]
        own = {f"calendar:{d.name}": d for d in used}
        self.parts: dict[str, TextPart] = {f"side:{i}": part.fresh() for i, (part, _) in enumerate(self._sides)}
        self.parts |= {key: CalendarPart(d.name, d.columns, d.parts, d.format) for key, d in own.items()}
        sources = {c for d in own.values() for c in d.columns} - {*layout.categorical, *layout.numeric, *layout.labels}
        given = {name for part in self.parts.values() for name in part.names}
        plain = [name for name in self.columns if name not in {*self.numbers, *sources, *given}]
        self.parts |= {f"column:{name}": TextPart(name) for name in plain}
        self.owners = {name: key for key, part in self.parts.items() for name in part.names}

    def index(self, batch: pa.Table) -> tuple[dict[str, Index], dict[str, Floats]]:
        """Return one index per row for each part, and the plain numbers.

        Raises:
            RowError: A part rejects a value.
        """
        indices = {key: part.index(batch) for key, part in self.parts.items()}
        return indices, {name: floats(batch[name], name, self.layout.format) for name in self.numbers}

    def encoder(self, categorical: Sequence[Any], numeric: Sequence[Any]) -> Encoder:
        """Return an encoder for the indices assigned since the last `reset`."""
        return Encoder(categorical, numeric, self.parts, self.owners, self.layout.format)


def stream(
    path: Path, table: Table, keep: Sequence[str] = ()
) -> Iterator[tuple[pa.Table, dict[str, Index], dict[str, Floats]]]:
    """Read a file and index it, batch by batch; errors name its lines."""
    rows = 0
    used = {*table.columns, *table.keys}
    columns = list(dict.fromkeys([*table.columns, *table.keys, *keep]))
    plain = [name for name in keep if name not in used]
    for batch in batches(path, columns, set(table.numbers) - set(keep), table.layout.format, plain):
        try:
            indices, numbers = table.index(batch)
        except RowError as error:
            raise DataError(f"{path}: line {rows + error.row + 2}: {error.reason}") from None
        except DataError as error:
            raise DataError(f"{path}: {error}") from None
        yield batch, indices, numbers
        rows += batch.num_rows


def _side_parts(
    layout: Layout, folder: Path, known: Sequence[str], wanted: Sequence[str], joined: bool
) -> list[tuple[SidePart, Sequence[str]]]:
    parts = []
    for side in layout.sides:
        present = [name for name in wanted if name.startswith(side.prefix) and name in known]
        if joined and (present or not (folder / side.file).is_file()):
            continue
        columns = header(folder / side.file, layout.format)
        faults = [
            f"{file}: no column {no_such([key], names)}; {side.file} is joined on it"
            for file, names in ((layout.main, known), (side.file, columns))
            for key in side.key
            if key not in names
        ]
        if faults:
            raise DataError("\n".join(faults))
        names = [name for name in columns if name not in side.key and side.prefix + name in wanted]
        hidden = [name for name in present if name.removeprefix(side.prefix) in names]
        if hidden:
            raise DataError(f"{side.file}: {hidden[0]!r} exists already; choose another prefix in data.joins")
        if names:
            parts.append((_side_part(layout, folder, side, names), side.key))
    return parts


def _side_part(layout: Layout, folder: Path, side: Side, names: Sequence[str]) -> SidePart:
    numbers = [name for name in names if side.prefix + name in layout.numbers]
    table = read(folder / side.file, [*side.key, *names], numbers, layout.format)
    table = table.rename_columns([*side.key, *(side.prefix + name for name in names)])
    for date in layout.derived:
        if set(date.columns) <= set(table.column_names):
            try:
                times = timestamps(dates_of(table, date.columns, date.parts, date.format).combine_chunks())
            except DataError as error:
                raise DataError(f"{folder / side.file}: data.calendar: {', '.join(date.columns)}: {error}") from None
            for name, part in zip(date.produced, date.parts, strict=True):
                table = table.append_column(name, PARTS[part](times))
    return SidePart(table, side.key, side.file)
