"""Which files and which columns make a table."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self


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
        labels: Columns that are no features, as text: group names, a target of classes.
        amounts: Columns that are no features, as numbers: a target that is an amount.
        missing: Texts that mean null.
        id: The column that names a row, if there is one; no feature.
        unlabelled: The file of rows without a target, if there is one.
    """

    main: str
    sides: Sequence[Side]
    derived: Sequence[Derived]
    categorical: Sequence[str]
    numeric: Sequence[str]
    labels: Sequence[str]
    amounts: Sequence[str]
    missing: Sequence[str]
    id: str | None
    unlabelled: str | None

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> Self:
        """Read what `dataclasses.asdict` wrote."""
        sides, derived = [Side(**s) for s in content["sides"]], [Derived(**d) for d in content["derived"]]
        return cls(**{**content, "sides": sides, "derived": derived})

    @property
    def inputs(self) -> list[str]:
        """What the network takes."""
        return [*self.categorical, *self.numeric]

    @property
    def features(self) -> list[str]:
        """Raw columns that a prediction must be given, sorted: what the features are, or are derived from."""
        used = {*self.categorical, *self.numeric}
        sources = {c for each in self.derived if used & set(each.produced) for c in each.columns}
        return sorted((used | sources) - {name for each in self.derived for name in each.produced})

    @property
    def numbers(self) -> set[str]:
        """Columns to read as numbers; what is needed as text too is read as text and cast later."""
        sources = {column for each in self.derived for column in each.columns}
        keys = {column for side in self.sides for column in side.key}
        return {*self.numeric, *self.amounts} - {*self.categorical, *self.labels, *sources, *keys}
