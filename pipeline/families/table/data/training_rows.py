"""Select the rows that a network trains on, the rows it is validated on, and the codes it knows."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from pipeline.data import SPLITS
from pipeline.families.table.data.arrays import Arrays
from pipeline.families.table.data.crossing import Cross, with_crosses
from pipeline.portable.codes import codes_among
from pipeline.storage import PROCESSED


@dataclass(frozen=True)
class Rows:
    """The rows of one network; codes include those of crosses.

    Attributes:
        learned: Rows to train on.
        validated: Rows to validate on.
        unseen: For each column of codes, the codes that are too rare among the training rows and thus unknown to the
            network; then the same for each column of numbers that the network takes as codes. None if the codes were
            made for these rows.
    """

    learned: Arrays
    validated: Arrays
    unseen: list[npt.NDArray[np.int64]] | None


def rows_of_split(crosses: Sequence[Cross]) -> Rows:
    """Return the training and validation splits of preprocess."""
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
    """Return the other folds' rows to train on, and this fold's rows to validate on.

    Args:
        rows: Rows of all folds.
        fold: Number of the validation fold.
        crosses: Crosses of columns, whose combinations were counted on the rows of all folds.
        sizes: Number of codes of each column, including crosses.
        enough: For each column, the smallest number of rows with a code for the network to know it.
        known: If the network takes numbers as codes: for each column of numbers, those that have a code, ascending, and
            the smallest number of rows for the network to know one.
    """
    rows = _crossed(rows, crosses)
    held = rows.fold == fold
    learned, validated = rows[~held], rows[held]
    unseen = []
    for column, (size, least) in enumerate(zip(sizes, enough, strict=True)):
        is_unseen = np.bincount(learned.categorical[:, column], minlength=size) < least
        is_unseen[0] = False
        unseen.append(np.flatnonzero(is_unseen))
        for part in (learned, validated):
            codes = part.categorical[:, column]
            codes[is_unseen[codes]] = 0
    for column, (numbers, least) in enumerate(known):
        # The same codes as those of the layer `ValueCodes`.
        array = np.asarray(numbers, np.float32)
        codes_of = [codes_among(part.numeric[:, column], array) for part in (learned, validated)]
        is_unseen = np.bincount(codes_of[0], minlength=len(numbers) + 1) < least
        is_unseen[0] = False
        unseen.append(np.flatnonzero(is_unseen))
        for part, codes in zip((learned, validated), codes_of, strict=True):
            part.numeric[is_unseen[codes], column] = np.nan
    return Rows(learned, validated, unseen)


def rows_of_folds() -> Arrays:
    """Return the rows of all folds, in the order of the file."""
    rows = Arrays.together([Arrays.load(PROCESSED / split) for split in ("train", "val")])
    return rows[np.argsort(rows.row, kind="stable")]


def fold_name(fold: int) -> str:
    """Return the name of a fold's network within the ensemble; folds are numbered from 0."""
    return f"fold_{fold + 1}"


def out_of_fold(fold: npt.NDArray[np.integer], outputs: Sequence[npt.NDArray[Any]]) -> npt.NDArray[Any]:
    """Return the outputs of all rows, shape (rows, units), given the fold of each row and the outputs of each fold."""
    together = np.empty((len(fold), outputs[0].shape[1]), outputs[0].dtype)
    for number, output in enumerate(outputs):
        together[fold == number] = output
    return together


def splits_of_folds(folds: int) -> Iterator[Mapping[str, Arrays]]:
    """Yield the training, validation and test splits of each fold's network."""
    if folds == 1:
        yield {split: Arrays.load(PROCESSED / split) for split in SPLITS}
        return
    rows, test = rows_of_folds(), Arrays.load(PROCESSED / "test")
    for fold in range(folds):
        yield {"train": rows[rows.fold != fold], "val": rows[rows.fold == fold], "test": test}


def _crossed(rows: Arrays, crosses: Sequence[Cross]) -> Arrays:
    return replace(rows, categorical=with_crosses(np.asarray(rows.categorical), crosses)) if crosses else rows
