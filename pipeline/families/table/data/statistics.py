"""What the target was for each category: means and counts of training rows; for those themselves, without their own.

Source of the ordered means: Prokhorenkova et al.: CatBoost: unbiased boosting with categorical features (2018).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Codes = npt.NDArray[np.int32]
Numbers = npt.NDArray[np.float32]
Floats = npt.NDArray[np.float64]
PERMUTATIONS = 4
"""Orders of the training rows over which their means are averaged."""
PRIOR = 1.0
"""Rows of the mean of all that each category has besides its own."""
LARGEST = 5.0
"""Number, in deviations."""
NARROWEST = 0.25
"""Deviation of logarithms of counts, at least."""
FEW = 2**16
"""Codes below which sorting is several times as fast in sixteen bits."""


@dataclass(frozen=True)
class Statistics:
    """Of each target the mean; then the logarithm of the number of training rows; less the mean, in deviations.

    Attributes:
        rows: Of each training row, its means from groups before its own in orders by chance: `(rows, columns · width)`.
        tables: Of each code, from all training rows: a column's codes below each other, one column after the other,
            `(sum of cardinalities, width)`.
    """

    rows: Numbers
    tables: Numbers


def statistics(codes: Codes, targets: Floats, groups: npt.NDArray[Any], sizes: Sequence[int], seed: int) -> Statistics:
    """Work out means and counts.

    Args:
        codes: Of the training rows, `(rows, columns)`.
        targets: Theirs, `(rows, targets)`: one number, or one a class.
        groups: Number of each row's group, `(rows,)`: rows of one may have their answer in common, as those of a person
            do who is held out whole. None is told of its own group.
        sizes: Number of codes of each column.
        seed: Of the orders.
    """
    width = targets.shape[1] + 1
    rows = np.empty((len(codes), len(sizes) * width), np.float32)
    tables = np.empty((sum(sizes), width), np.float32)
    # A stream of its own: the order of an epoch's batches is drawn from (seed, epoch).
    draws = [
        np.random.default_rng([seed, number, 2]).permutation(int(groups.max()) + 1) for number in range(PERMUTATIONS)
    ]
    orders = [np.argsort(draw[groups], kind="stable") for draw in draws]
    mean, begin = targets.mean(axis=0), 0
    for column, size in enumerate(sizes):
        part = codes[:, column].astype(np.uint16 if size <= FEW else np.int32)
        counts: Floats = np.bincount(part, minlength=size).astype(np.float64)
        sums: Floats = np.stack([np.bincount(part, weights=each, minlength=size) for each in targets.T], axis=1)
        of_all = _mean(sums, counts[:, None], mean)
        means = np.mean([ordered(part, targets, groups, order, mean) for order in orders], axis=0)
        scale = np.maximum(means.std(axis=0), of_all[part].std(axis=0))
        scale[scale < 1e-9] = 1.0  # a constant says nothing
        logs = np.log1p(counts)
        # A count holds no answer, a row's own neither. Where all are alike, one that differs must not be far away.
        centre, spread = logs[part].mean(), max(float(logs[part].std()), NARROWEST)
        numbers = np.clip((logs - centre) / spread, -LARGEST, LARGEST)
        of_rows = rows[:, column * width : (column + 1) * width]
        of_rows[:, :-1], of_rows[:, -1] = np.clip((means - mean) / scale, -LARGEST, LARGEST), numbers[part]
        of_codes = tables[begin : begin + size]
        of_codes[:, :-1], of_codes[:, -1] = np.clip((of_all - mean) / scale, -LARGEST, LARGEST), numbers
        begin += size
    return Statistics(rows, tables)


def ordered(
    codes: npt.NDArray[Any], targets: Floats, groups: npt.NDArray[Any], order: npt.NDArray[Any], mean: Floats
) -> Floats:
    """Return of each row the mean of its category over the rows of groups before its own, `(rows, targets)`.

    Args:
        codes: `(rows,)`.
        targets: `(rows, targets)`.
        groups: `(rows,)`.
        order: Of the rows; those of a group side by side.
        mean: Of all, `(targets,)`; counts as `PRIOR` rows.
    """
    # Rows of one category side by side; within each, groups in the order given.
    sort = order[np.argsort(codes[order], kind="stable")]
    part, group = codes[sort], groups[sort]
    is_first = np.append(True, part[1:] != part[:-1])
    begins = _starts(is_first)
    of_groups = _starts(is_first | np.append(True, group[1:] != group[:-1]))
    sums = np.cumsum(targets[sort], axis=0) - targets[sort]
    before = sums[of_groups] - sums[begins]
    counts: Floats = (of_groups - begins).astype(np.float64)
    means = np.empty_like(targets)
    means[sort] = _mean(before, counts[:, None], mean)
    return means


def _starts(is_first: npt.NDArray[np.bool_]) -> npt.NDArray[np.int64]:
    """Return of each place where its run begins, `(rows,)`."""
    starts = np.flatnonzero(is_first)
    return np.repeat(starts, np.diff(np.append(starts, len(is_first))))


def _mean(sums: Floats, counts: Floats, mean: Floats) -> Floats:
    found: Floats = (sums + PRIOR * mean) / (counts + PRIOR)
    return found
