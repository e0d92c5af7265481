"""Assemble one table from the raw files: the columns asked for, joined, with derived ones."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from pipeline.config import no_such
from pipeline.data.calendar import calendar
from pipeline.data.errors import DataError
from pipeline.data.joins import join
from pipeline.data.reading import batches, header, read


@dataclass(frozen=True)
class Side:
    """A side table: `file`, joined on `key`, its columns prefixed."""

    file: str
    key: Sequence[str]
    prefix: str


@dataclass(frozen=True)
class Derived:
    """Calendar columns `NAME_PART` from `columns`."""

    name: str
    columns: Sequence[str]
    parts: Sequence[str]

    @property
    def produced(self) -> list[str]:
        """Names of the new columns."""
        return [f"{self.name}_{part}" for part in self.parts]


@dataclass(frozen=True)
class Layout:
    """Which files and which columns make the table.

    Attributes:
        main: The file with a row per example.
        sides: Joined to it.
        derived: Calendar columns.
        categorical: Features to embed.
        numeric: Features taken as numbers.
        labels: Columns that are no features, as text: group names, a target of two classes.
        amounts: Columns that are no features, as numbers: a target with a threshold.
        missing: Texts that mean null.
    """

    main: str
    sides: Sequence[Side]
    derived: Sequence[Derived]
    categorical: Sequence[str]
    numeric: Sequence[str]
    labels: Sequence[str]
    amounts: Sequence[str]
    missing: Sequence[str]

    @property
    def features(self) -> list[str]:
        """Raw columns that a prediction must be given, sorted: what the features are, or are derived from."""
        used = {*self.categorical, *self.numeric}
        sources = {c for each in self.derived if used & set(each.produced) for c in each.columns}
        return sorted((used | sources) - {name for each in self.derived for name in each.produced})

    @property
    def raw(self) -> list[str]:
        """Columns that must stand in some file, sorted."""
        return sorted({*self.features, *self.labels, *self.amounts, *self._sources})

    @property
    def numbers(self) -> set[str]:
        """Columns to read as numbers; what is needed as text too is read as text and cast later."""
        keys = {column for side in self.sides for column in side.key}
        return {*self.numeric, *self.amounts} - {*self.categorical, *self.labels, *self._sources, *keys}

    @property
    def _sources(self) -> set[str]:
        return {column for each in self.derived for column in each.columns}


def assemble(folder: Path, layout: Layout) -> pa.Table:
    """Read, join and derive.

    Raises:
        DataError: With every column that no file has.
    """
    columns = _columns_by_file(folder, layout)
    table = _read(folder, layout.main, columns[layout.main], "", layout)
    for side in layout.sides:
        other = _read(folder, side.file, columns[side.file], side.prefix, layout)
        table = join(table, other, side.key, side.prefix, side.file)
    return derive(table, layout.derived)


def raw_batches(path: Path, sides: Path, layout: Layout, keep: Sequence[str]) -> Iterator[pa.Table]:
    """Stream new rows with every feature, and the columns to keep.

    Columns of a side table stand in the rows already, or are joined from its file where the rows have none of them.

    Args:
        path: CSV file with the columns of the main file.
        sides: Folder of the side tables.
        layout: As at training.
        keep: Further columns, as text.

    Raises:
        DataError: Columns are missing; with each of them.
    """
    known = header(path)
    tables = _absent_sides(sides, layout, known)
    joined = {side.prefix + name for side, table in tables for name in table.column_names if name not in side.key}
    keys = [key for side, _ in tables for key in side.key]
    wanted = [*dict.fromkeys([*(name for name in layout.features if name not in joined), *keys, *keep])]
    numbers = layout.numbers - set(keep)
    for batch in batches(path, wanted, numbers, layout.missing):
        for side, table in tables:
            batch = join(batch, table, side.key, side.prefix, side.file)
        yield batch


def _absent_sides(folder: Path, layout: Layout, known: Sequence[str]) -> list[tuple[Side, pa.Table]]:
    found = []
    for side in layout.sides:
        needed = [name for name in layout.features if name.startswith(side.prefix)]
        if needed and not set(needed) & set(known) and (folder / side.file).is_file():
            names = [name.removeprefix(side.prefix) for name in needed]
            numbers = [name for name in names if side.prefix + name in layout.numbers]
            found.append((side, read(folder / side.file, [*side.key, *names], numbers, layout.missing)))
    return found


def derive(table: pa.Table, derived: Sequence[Derived]) -> pa.Table:
    """Add the calendar columns."""
    for each in derived:
        table = calendar(table, each.name, each.columns, each.parts)
    return table


def _columns_by_file(folder: Path, layout: Layout) -> dict[str, list[str]]:
    wanted = set(layout.raw)
    keys = {column for side in layout.sides for column in side.key}
    heads = {file: header(folder / file) for file in (layout.main, *(side.file for side in layout.sides))}
    lost = [
        f"{file}: no column {no_such([key], heads[file])}; {side.file} is joined on it"
        for side in layout.sides
        for file in (layout.main, side.file)
        for key in side.key
        if key not in heads[file]
    ]
    if lost:
        raise DataError("\n".join(lost))
    columns = {layout.main: [name for name in heads[layout.main] if name in wanted | keys]}
    available = set(heads[layout.main])
    for side in layout.sides:
        names = {name: side.prefix + name for name in heads[side.file] if name not in side.key}
        columns[side.file] = [*side.key, *(name for name, full in names.items() if full in wanted)]
        available |= set(names.values())
    absent = sorted(wanted - available)
    if absent:
        raise DataError(f"{', '.join(heads)} in {folder}: no column {no_such(absent, available)}")
    return columns


def _read(folder: Path, file: str, columns: list[str], prefix: str, layout: Layout) -> pa.Table:
    numbers = [name for name in columns if prefix + name in layout.numbers]
    table = read(folder / file, columns, numbers, layout.missing)
    print(f"preprocess: {file}: {table.num_rows:,} rows, {len(columns)} columns", flush=True)
    return table
