"""Describe the files and columns of a table."""

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from pipeline.data.file_format import FileFormat

SIDES = "side_tables"
"""The folder of the side tables, in prepared data and in saved networks."""


@dataclass(frozen=True)
class Side:
    """A side table: `file` is joined on `key`, and its columns get the prefix `prefix`."""

    file: str
    key: Sequence[str]
    prefix: str


@dataclass(frozen=True)
class Derived:
    """Calendar columns `NAME_PART` that are derived from `columns`; `format` is that of a single date column."""

    name: str
    columns: Sequence[str]
    parts: Sequence[str]
    format: str = "year_first"

    @property
    def produced(self) -> list[str]:
        """Names of the new columns."""
        return [f"{self.name}_{part}" for part in self.parts]


@dataclass(frozen=True)
class Layout:
    """The files and columns of a table.

    Attributes:
        main: Name of the file with one row per example.
        sides: Side tables that are joined to it.
        derived: Calendar columns.
        categorical: Features to embed.
        numeric: Features taken as numbers.
        labels: Columns read as text that are not features: group names, a target of classes.
        amounts: Columns read as numbers that are not features: a target that is an amount.
        format: How the files are written.
        id: Name of the column that identifies a row, if there is one; it is not a feature.
        unlabelled: Name of the file of rows without a target, if there is one.
    """

    main: str
    sides: Sequence[Side]
    derived: Sequence[Derived]
    categorical: Sequence[str]
    numeric: Sequence[str]
    labels: Sequence[str]
    amounts: Sequence[str]
    format: FileFormat
    id: str | None
    unlabelled: str | None

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> Self:
        """Build a layout from the output of `dataclasses.asdict`."""
        sides, derived = [Side(**s) for s in content["sides"]], [Derived(**d) for d in content["derived"]]
        return cls(**{**content, "sides": sides, "derived": derived, "format": FileFormat(**content["format"])})

    @property
    def inputs(self) -> list[str]:
        """Columns that the network takes."""
        return [*self.categorical, *self.numeric]

    @property
    def features(self) -> list[str]:
        """Raw columns that a prediction needs, sorted: the features, or the columns that they are derived from."""
        used = {*self.categorical, *self.numeric}
        sources = {c for date in self.derived if used & set(date.produced) for c in date.columns}
        return sorted((used | sources) - {name for date in self.derived for name in date.produced})

    @property
    def numbers(self) -> set[str]:
        """Columns to read as numbers; columns that are also needed as text are read as text and cast later."""
        sources = {column for date in self.derived for column in date.columns}
        keys = {column for side in self.sides for column in side.key}
        return {*self.numeric, *self.amounts} - {*self.categorical, *self.labels, *sources, *keys}


def copy_side_tables(layout: Layout, folder: Path, out: Path) -> None:
    """Copy the side tables from `folder` into the folder `SIDES` of `out`: predictions need them, wherever they run."""
    for side in layout.sides:
        copy = out / SIDES / side.file
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(folder / side.file, copy)
