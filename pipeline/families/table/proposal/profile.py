"""What a sample says about a table, and the settings that follow from it."""

from dataclasses import dataclass, field
from typing import Any

from pipeline.families.table.data.audit import Finding
from pipeline.families.table.data.columns import calendar_of
from pipeline.families.table.data.guessing import Guess
from pipeline.families.table.proposal.readings import Reading
from pipeline.families.table.proposal.sample import TableSample

MIN_COUNT = 5
SMALL, MEDIUM = 5_000, 50_000
"""Numbers of rows below which batches are smaller and epochs more. Below `MEDIUM`, folds are proposed."""
FOLDS = {"quick": 1, "usual": 5, "best": 10}
"""Effort → number of folds proposed for a table of fewer than `MEDIUM` rows."""
LARGE_FOLDS = {"quick": 1, "usual": 1, "best": 5}
"""The same for a table of more rows."""
MANY = 100
"""Number of categories of a column from which target statistics are worth their cost."""


@dataclass
class TableProfile:
    """What a sample says about a table.

    Attributes:
        sample: The sample.
        target: The column to predict.
        kind: The kind of the target: binary, multiclass or regression.
        readings: Column → how it is used; the target has none.
        id: The column that identifies a row.
        group: The column whose rows are held out together.
        seed: Seed of the split.
        folds: Number of folds to train on.
        min_count: Number of training rows from which on a category is known.
        leaks: Columns that determine the target.
        warnings: Leaks and groups that the audit found.
        crosses: Combinations of columns to embed: `none` or `pairs`.
        effort: How long the training may take: `quick`, `usual`, or `best`.
        reasons: Setting → why it was chosen.
        notes: Further lines for the terminal.
    """

    sample: TableSample
    target: str
    kind: str
    readings: dict[str, Reading]
    id: str | None = None
    group: str | None = None
    seed: int = 1
    folds: int = 1
    min_count: int = MIN_COUNT
    leaks: list[str] = field(default_factory=list)
    warnings: list[Finding] = field(default_factory=list)
    crosses: str = "none"
    effort: str = "usual"
    reasons: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    @property
    def is_large(self) -> bool:
        """Whether the sample has `MEDIUM` rows or more."""
        return len(self.sample.rows) >= MEDIUM

    @property
    def guesses(self) -> list[Guess]:
        """The guessed kind of each column."""
        return self.sample.guesses

    def features(self, *kinds: str) -> list[Guess]:
        """Return the columns of some kinds that can be features."""
        excluded = {self.target, self.group, *self.drop}
        return [
            column
            for column in self.guesses
            if column.name not in excluded and self.readings[column.name].kind in kinds
        ]

    @property
    def drop(self) -> list[str]:
        """Columns without information, and columns that determine the target."""
        useless = [
            column.name
            for column in self.guesses
            if column.name not in (self.target, self.id) and self._is_useless(column)
        ]
        return [*useless, *self.leaks]

    def _is_useless(self, column: Guess) -> bool:
        is_constant = column.distinct == 1 and column.missing == 0
        return self.readings[column.name].kind in ("id", "text", "empty") or is_constant

    def section(self) -> dict[str, Any]:
        """Return the `data` section, but for its files."""
        names, form = [column.name for column in self.guesses], self.sample.form
        dates = [calendar_of(column, names) for column in self.features("date")]
        return {
            "joins": [],
            "separator": form.separator,
            "decimal": form.decimal,
            "encoding": form.encoding,
            "header": form.header,
            "skip_lines": form.skip_lines,
            "missing": list(form.missing),
            "missing_numbers": list(form.missing_numbers),
            "target": self.target,
            "problem_type": self.kind,
            "positive_at_least": None,
            "id": self.id,
            "columns": "listed",
            "drop": self.drop,
            "calendar": [
                {"name": found.name, "columns": found.columns, "parts": found.parts}
                | ({"format": found.format} if found.format != "year_first" else {})
                for found in (date.derived for date in dates)
            ],
            "categorical": [column.name for column in self.features("categorical", "both")]
            + [name for date in dates for name in date.categorical],
            "numeric": [column.name for column in self.features("numeric", "both")]
            + [name for date in dates for name in date.numeric],
            "min_count": self.min_count,
            "split": "group" if self.group else "random",
            "split_by": [self.group] if self.group else [],
            "test_fraction": 0.2,
            "validation_fraction": 0.1,
            "folds": self.folds,
            "split_seed": self.seed,
        }


def folds_of(profile: TableProfile) -> int:
    """Return the number of folds to propose, if the rows allow it."""
    return (LARGE_FOLDS if profile.is_large else FOLDS)[profile.effort]
