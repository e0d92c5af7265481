"""Which rows of a table a network learns from, which it is validated on, and which codes it knows."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from pipeline.data import SPLITS
from pipeline.families.table.data.arrays import Arrays
from pipeline.families.table.data.crossing import Cross, with_crosses
from pipeline.portable.codes import codes_among
from pipeline.storage import PROCESSED


@dataclass(frozen=True)
class Rows:
    """What one network is given; codes hold those of crosses.

    Attributes:
        learned: To learn from.
        validated: To validate on.
        unseen: Of each column of codes, those too rare among the learned rows, unknown to the network; then, where
            numbers are codes to it, of each column of these. None where all was made for these rows.
    """

    learned: Arrays
    validated: Arrays
    unseen: list[npt.NDArray[np.int64]] | None


def rows_of_split(crosses: Sequence[Cross]) -> Rows:
    """Return the splits as preprocess made them."""
    train, val = (_crossed(Arrays.load(PROCESSED / split), crosses) for split in ("train", "val"))
    return Rows(train, val, None)


def rows_of_fold(
    rows: Arrays,
    fold: int,
    crosses: Sequence[Cross],
    sizes: Sequence[int],
    enough: Sequence[int],
    known: Sequence[tuple[Sequence[float], int]] = (),
) -> Rows:
    """Return the other folds' rows to learn from, and this one's to validate on.

    Args:
        rows: Of all folds.
        fold: Its number.
        crosses: Columns taken together, counted on all of them.
        sizes: Number of codes of each column, crosses included.
        enough: Rows with a code of each column, from which on a network knows it.
        known: Of each column of numbers, where they are codes to the network, those that have one, ascending; and from
            how many rows on it knows one.
    """
    rows = _crossed(rows, crosses)
    held = rows.fold == fold
    learned, validated = rows[~held], rows[held]
    unseen = []
    for column, (size, least) in enumerate(zip(sizes, enough, strict=True)):
        is_unseen = np.bincount(learned.categorical[:, column], minlength=size) < least
        is_unseen[0] = False
        unseen.append(np.flatnonzero(is_unseen))
        for each in (learned, validated):
            codes = each.categorical[:, column]
            codes[is_unseen[codes]] = 0
    for column, (numbers, least) in enumerate(known):
        # What `ValueCodes` makes of them.
        array = np.asarray(numbers, np.float32)
        codes_of = [codes_among(each.numeric[:, column], array) for each in (learned, validated)]
        is_unseen = np.bincount(codes_of[0], minlength=len(numbers) + 1) < least
        is_unseen[0] = False
        unseen.append(np.flatnonzero(is_unseen))
        for each, numbered in zip((learned, validated), codes_of, strict=True):
            each.numeric[is_unseen[numbered], column] = np.nan
    return Rows(learned, validated, unseen)


def rows_of_folds() -> Arrays:
    """Return the rows of all folds, in the order of the file."""
    found = Arrays.together([Arrays.load(PROCESSED / split) for split in ("train", "val")])
    return found[np.argsort(found.row, kind="stable")]


def splits_of_folds(folds: int) -> Iterator[Mapping[str, Arrays]]:
    """Give train, val and test as each fold's network has them."""
    if folds == 1:
        yield {split: Arrays.load(PROCESSED / split) for split in SPLITS}
        return
    rows, test = rows_of_folds(), Arrays.load(PROCESSED / "test")
    for fold in range(folds):
        yield {"train": rows[rows.fold != fold], "val": rows[rows.fold == fold], "test": test}


def _crossed(rows: Arrays, crosses: Sequence[Cross]) -> Arrays:
    return replace(rows, categorical=with_crosses(np.asarray(rows.categorical), crosses)) if crosses else rows
