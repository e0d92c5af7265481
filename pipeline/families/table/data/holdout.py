"""Assign the rows of a table to groups, splits and folds."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from pipeline.data.errors import DataError
from pipeline.data.reading import is_number
from pipeline.data.splits import (
    DROPPED,
    SPLITS,
    Folds,
    Splits,
    fold_groups,
    folds_of,
    split_given,
    split_groups,
    split_times,
)
from pipeline.families.table.data.counting import MISSING, Index, compact
from pipeline.families.table.data.rows import RawRows

DATED = re.compile(r"\d{4}($|[-/.QWT ])")
"""A date whose chronological order is the order of its text."""


@dataclass(frozen=True)
class Holdout:
    """How rows are held out: by `group`, `time`, `given` or `random`; `by` names the columns.

    With more than one fold, the folds replace `validation`: see `fold_groups`.
    """

    method: str
    by: Sequence[str]
    test: float
    validation: float
    seed: int
    folds: int = 1

    def draw(self, groups: int) -> tuple[Splits, Folds]:
        """Draw a split and a fold for each group."""
        if self.folds > 1:
            return fold_groups(groups, self.test, self.folds, self.seed)
        drawn = split_groups(groups, self.test, self.validation, self.seed)
        return drawn, folds_of(drawn)


@dataclass(frozen=True)
class HeldOut:
    """The group, split and fold of each row.

    Attributes:
        group: Number of the group, shape (rows,).
        split: Index into `SPLITS`, or `DROPPED`, shape (rows,).
        fold: Number of the fold, shape (rows,): 0 in the validation split, `DROPPED` for rows of no fold.
        words: A description of how the test rows were chosen.
    """

    group: Index
    split: Splits
    fold: Folds
    words: str

    def with_fold(self, number: int) -> Splits:
        """Return the splits with another fold as the validation split."""
        split = self.split.copy()
        learned = self.fold != DROPPED
        split[learned] = np.where(self.fold[learned] == number, SPLITS.index("val"), SPLITS.index("train"))
        return split


def hold_out(raw: RawRows, known: npt.NDArray[np.bool_], holdout: Holdout) -> HeldOut:
    """Return the group, split and fold of each row.

    Args:
        raw: All rows of the main file.
        known: Mask of the rows with a target; the others are `DROPPED`.
        holdout: How rows are held out.

    Raises:
        DataError: A split is empty, or a row has no value in the column that decides its split.
    """
    by = ", ".join(holdout.by)
    if holdout.method == "random":
        group, count = compact(np.arange(raw.rows, dtype=np.int32), known)
        drawn, fold = holdout.draw(count)
        return _of_rows(group, drawn, fold, "rows at random")
    texts, places = _groups(raw, holdout.by)
    group, count = compact(places, known)
    if holdout.method == "group":
        drawn, fold = holdout.draw(count)
        words = f"{int((drawn == SPLITS.index('test')).sum()):,} of {count:,} groups ({by})"
    else:
        if (places[known] == MISSING).any():
            raise DataError(
                f"column {by!r}: {int((places[known] == MISSING).sum())} rows have no value; "
                f"split={holdout.method} needs one in every row"
            )
        present = [texts[i] for i in np.unique(places[known])]
        if holdout.method == "given":
            drawn, words = split_given(present, by), f"as the column {by} says"
        else:
            order = _order_of_time(present, by)
            drawn = np.empty(count, dtype=np.int8)
            drawn[order] = split_times(np.bincount(group[known])[order], holdout.test, holdout.validation)
            words = f"{by} from {next(present[i] for i in order if drawn[i] == SPLITS.index('test'))} on"
        fold = folds_of(drawn)
    return _of_rows(group, drawn, fold, words)


def _of_rows(group: Index, drawn: Splits, fold: Folds, words: str) -> HeldOut:
    # A row without a target has group -1, which reads the appended last entry.
    split, part = (np.append(numbers, np.int8(DROPPED))[group] for numbers in (drawn, fold))
    return HeldOut(group, split, part, words)


def _order_of_time(texts: list[str], column: str) -> Index:
    keys: list[Any] = texts
    if all(is_number(text) for text in texts):
        keys = [float(text) for text in texts]
    elif wrong := [text for text in texts if not DATED.match(text)]:
        raise DataError(
            f"column {column!r}: {wrong[0]!r} cannot be ordered by time; expected numbers, or dates with the year "
            "first, like 2013-12-31"
        )
    return np.array(sorted(range(len(texts)), key=keys.__getitem__), dtype=np.int32)


def _groups(raw: RawRows, by: Sequence[str]) -> tuple[list[str], npt.NDArray[Any]]:
    # Numbered in sorted order, so that the draw does not depend on the order of the rows. Rows without a value form one
    # more group.
    texts, places = raw.texts(by[0])
    for name in by[1:]:
        others, other_places = raw.texts(name)
        both = (places >= 0) & (other_places >= 0)
        # Renumbered after each column: the product of several columns with thousands of values would overflow.
        places, _ = compact(np.where(both, places.astype(np.int64) * len(others) + other_places, MISSING), both)
    return texts, places
