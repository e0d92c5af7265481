"""Assign groups of rows to the training, validation and test splits, and to folds."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from pipeline.data.errors import DataError

SPLITS = ("train", "val", "test")
DROPPED = -1
"""The split of a row without a target."""
GIVEN = {"train": 0, "training": 0, "val": 1, "valid": 1, "validation": 1, "dev": 1, "test": 2}
"""Accepted values of a column that names the split of each row; case is ignored."""
Splits = npt.NDArray[np.int8]
Folds = npt.NDArray[np.int8]


def split_groups(groups: int, test: float, validation: float, seed: int) -> Splits:
    """Draw a split for each group, so that all rows of a group are in the same split.

    Args:
        groups: Number of groups.
        test: Share of the groups for the test split.
        validation: Share of the groups for the validation split.
        seed: Seed of the draw. The choice of the test groups does not depend on `validation`.

    Returns:
        Index into `SPLITS` for each group, shape (groups,).

    Raises:
        DataError: A split would be empty.
    """
    counts = {"test": round(test * groups), "val": round(validation * groups)}
    counts["train"] = groups - sum(counts.values())
    for name, count in counts.items():
        if count < 1:
            raise DataError(
                f"the {name} split is empty: {groups} groups at test_fraction={test} and "
                f"validation_fraction={validation}. "
                "Provide more rows, name finer groups in data.split_by or change the fractions."
            )
    order = np.random.default_rng(seed).permutation(groups)
    drawn = np.full(groups, SPLITS.index("train"), dtype=np.int8)
    drawn[order[: counts["test"]]] = SPLITS.index("test")
    drawn[order[counts["test"] : counts["test"] + counts["val"]]] = SPLITS.index("val")
    return drawn


def fold_groups(groups: int, test: float, folds: int, seed: int) -> tuple[Splits, Folds]:
    """Draw a split for each group, and a fold for each group outside the test split; fold 0 is the validation split.

    Args:
        groups: Number of groups.
        test: Share of the groups for the test split; these are the same groups as without folds.
        folds: Number of parts of about equal size that the other groups are divided into; at least 2.
        seed: Seed of the draw, as in `split_groups`.

    Returns:
        Index into `SPLITS` and number of the fold (-1 for a test group), each of shape (groups,).

    Raises:
        DataError: A fold would be empty.
    """
    tested = round(test * groups)
    if groups - tested < folds or tested < 1:
        raise DataError(
            f"data.folds: {folds} folds of {groups - tested} groups, plus {tested} for the test split "
            f"(test_fraction={test}): each needs at least one group. Ask for fewer folds, or name finer groups in "
            "data.split_by."
        )
    order = np.random.default_rng(seed).permutation(groups)
    drawn, fold = np.full(groups, SPLITS.index("test"), dtype=np.int8), np.full(groups, DROPPED, dtype=np.int8)
    for number, part in enumerate(np.array_split(order[tested:], folds)):
        drawn[part], fold[part] = SPLITS.index("train" if number else "val"), number
    return drawn, fold


def folds_of(drawn: Splits) -> Folds:
    """Return fold numbers for a draw without folds: 0 for the validation split, 1 for the training split."""
    numbers = {"train": 1, "val": 0, "test": DROPPED}
    return np.array([numbers[name] for name in SPLITS], dtype=np.int8)[drawn]


def split_times(rows: npt.NDArray[np.int64], test: float, validation: float) -> Splits:
    """Put the latest rows into the test split and those before them into validation; rows of one time stay together.

    Args:
        rows: Number of rows at each time, in chronological order.
        test: Share of the rows for the test split, at most.
        validation: Share of the rows for the validation split.

    Returns:
        Index into `SPLITS` for each time.

    Raises:
        DataError: A split would be empty.
    """
    # A tolerance for rounding: 1 − .2 − .1 is not .7 in binary fractions.
    before = (np.cumsum(rows) - rows) / rows.sum() + 1e-9
    drawn = np.zeros(len(rows), dtype=np.int8)
    drawn[before >= 1 - test - validation] = SPLITS.index("val")
    drawn[before >= 1 - test] = SPLITS.index("test")
    absent = [name for index, name in enumerate(SPLITS) if not (drawn == index).any()]
    if absent:
        raise DataError(
            f"the {absent[0]} split is empty: {len(rows)} different values of data.split_by, and rows of one value "
            "stay together. Name a finer column, or change the fractions."
        )
    return drawn


def split_given(words: Sequence[str], column: str) -> Splits:
    """Read a column that names the split of each row.

    Args:
        words: Values of the column.
        column: Name of the column, for errors.

    Returns:
        Index into `SPLITS` for each value.

    Raises:
        DataError: A value does not name a split, or a split has no rows.
    """
    wrong = [word for word in words if word.strip().lower() not in GIVEN]
    if wrong:
        raise DataError(f"column {column!r}: {wrong[0]!r} does not name a split; expected one of {', '.join(GIVEN)}")
    drawn = np.array([GIVEN[word.strip().lower()] for word in words], dtype=np.int8)
    absent = [name for index, name in enumerate(SPLITS) if not (drawn == index).any()]
    if absent:
        raise DataError(f"column {column!r}: no row is in the {absent[0]} split; train, val and test each need some")
    return drawn
