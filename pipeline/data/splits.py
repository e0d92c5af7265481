"""Who is held out."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from pipeline.data.errors import DataError

SPLITS = ("train", "val", "test")
DROPPED = -1
"""The split of a row without a target."""
GIVEN = {"train": 0, "training": 0, "val": 1, "valid": 1, "validation": 1, "dev": 1, "test": 2}
"""Words of a column that says where a row belongs, in any case of letters."""
Splits = npt.NDArray[np.int8]
Folds = npt.NDArray[np.int8]


def split_groups(groups: int, test: float, validation: float, seed: int) -> Splits:
    """Draw a split for each group; all rows of a group go with it.

    Args:
        groups: How many there are.
        test: Share of the groups for the test split.
        validation: Share of the groups for the validation split.
        seed: The draw hangs on nothing else; which groups are the test split, not on `validation` either.

    Returns:
        Index into `SPLITS` for each group, shape `(groups,)`.

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
                "Give more rows, name finer groups in data.split_by or change the fractions."
            )
    order = np.random.default_rng(seed).permutation(groups)
    drawn = np.full(groups, SPLITS.index("train"), dtype=np.int8)
    drawn[order[: counts["test"]]] = SPLITS.index("test")
    drawn[order[counts["test"] : counts["test"] + counts["val"]]] = SPLITS.index("val")
    return drawn


def fold_groups(groups: int, test: float, folds: int, seed: int) -> tuple[Splits, Folds]:
    """Draw a split for each group, and for those that are not tested a fold; the validation split is fold 0.

    Args:
        groups: How many there are.
        test: Share of the groups for the test split: the same groups as without folds.
        folds: Parts of like size that the others are cut into; at least 2.
        seed: As of `split_groups`.

    Returns:
        Index into `SPLITS`, and number of the fold (-1 of a group that is tested), each of shape `(groups,)`.

    Raises:
        DataError: A fold would be empty.
    """
    tested = round(test * groups)
    if groups - tested < folds or tested < 1:
        raise DataError(
            f"data.folds: {folds} folds of {groups - tested} groups, {tested} besides for the test split "
            f"(test_fraction={test}): each needs one at least. Ask for fewer, or name finer groups in data.split_by."
        )
    order = np.random.default_rng(seed).permutation(groups)
    drawn, fold = np.full(groups, SPLITS.index("test"), dtype=np.int8), np.full(groups, DROPPED, dtype=np.int8)
    for number, part in enumerate(np.array_split(order[tested:], folds)):
        drawn[part], fold[part] = SPLITS.index("train" if number else "val"), number
    return drawn, fold


def folds_of(drawn: Splits) -> Folds:
    """Return the folds of a draw without any: the validation split is 0, the training split 1."""
    numbers = {"train": 1, "val": 0, "test": DROPPED}
    return np.array([numbers[name] for name in SPLITS], dtype=np.int8)[drawn]


def split_times(rows: npt.NDArray[np.int64], test: float, validation: float) -> Splits:
    """Put the latest rows into the test split, those before them into validation; no moment is on two sides.

    Args:
        rows: How many each moment has, in order of time.
        test: Share of the rows for the test split, at most.
        validation: Share of the rows for the validation split.

    Returns:
        Index into `SPLITS` for each moment.

    Raises:
        DataError: A split would be empty.
    """
    # A hair more: 1 − .2 − .1 is not .7 in binary fractions.
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
    """Read a column that says where each row belongs.

    Args:
        words: Its values.
        column: Its name, for errors.

    Returns:
        Index into `SPLITS` for each value.

    Raises:
        DataError: Another word, or a split without rows.
    """
    wrong = [word for word in words if word.strip().lower() not in GIVEN]
    if wrong:
        raise DataError(f"column {column!r}: {wrong[0]!r} names no split; expected one of {', '.join(GIVEN)}")
    drawn = np.array([GIVEN[word.strip().lower()] for word in words], dtype=np.int8)
    absent = [name for index, name in enumerate(SPLITS) if not (drawn == index).any()]
    if absent:
        raise DataError(f"column {column!r}: no row of the {absent[0]} split; each of train, val and test needs some")
    return drawn
