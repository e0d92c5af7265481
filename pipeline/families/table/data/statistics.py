"""Target statistics: mean target and number of training rows per category, ordered for the training rows themselves.

A training row's own group does not contribute to its means (ordered target encoding). Source: Prokhorenkova et al.:
CatBoost: unbiased boosting with categorical features (2018).
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
"""Number of random orders of the groups over which the ordered means are averaged."""
PRIOR = 1.0
"""Weight of the overall mean in each category's mean, in rows."""
LARGEST = 5.0
"""Largest absolute value of a statistic, in deviations."""
NARROWEST = 0.25
"""Lower bound of the deviation of log counts."""
FEW = 2**16
"""Number of codes up to which sorting in sixteen bits, which is several times as fast, is possible."""


@dataclass(frozen=True)
class Statistics:
    """Standardised target statistics: the mean of each target, then the log of the number of training rows.

    Attributes:
        rows: Statistics of each training row, whose means use only groups before its own in random orders, shape
            (rows, columns · width).
        tables: Statistics of each code from all training rows, one column's codes after another's, shape (sum of
            cardinalities, width).
    """

    rows: Numbers
    tables: Numbers


def statistics(codes: Codes, targets: Floats, groups: npt.NDArray[Any], sizes: Sequence[int], seed: int) -> Statistics:
    """Compute target statistics of the training rows and of all codes.

    Args:
        codes: Codes of the training rows, shape (rows, columns).
        targets: Targets of the training rows, one number or one per class, shape (rows, targets).
        groups: Number of each row's group, shape (rows,). Rows of one group may share their target, like those of a
            person who is held out whole, so a row's means never use its own group.
        sizes: Number of codes of each column.
        seed: Seed of the orders.
    """
    width = targets.shape[1] + 1
    rows = np.empty((len(codes), len(sizes) * width), np.float32)
    tables = np.empty((sum(sizes), width), np.float32)
    # A separate random stream: the order of an epoch's batches is drawn from (seed, epoch).
    draws = [
        np.random.default_rng([seed, number, 2]).permutation(int(groups.max()) + 1) for number in range(PERMUTATIONS)
    ]
    orders = [np.argsort(draw[groups], kind="stable") for draw in draws]
    mean, begin = targets.mean(axis=0), 0
    for column, size in enumerate(sizes):
        part = codes[:, column].astype(np.uint16 if size <= FEW else np.int32)
        counts: Floats = np.bincount(part, minlength=size).astype(np.float64)
        sums: Floats = np.stack([np.bincount(part, weights=target, minlength=size) for target in targets.T], axis=1)
        of_all = _mean(sums, counts[:, None], mean)
        means = np.mean([ordered(part, targets, groups, order, mean) for order in orders], axis=0)
        scale = np.maximum(means.std(axis=0), of_all[part].std(axis=0))
        scale[scale < 1e-9] = 1.0  # a constant carries no information
        logs = np.log1p(counts)
        # Counts do not contain targets, so a row may count itself. If all counts are alike, a different one must not
        # become an outlier.
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
    """Return each row's mean target of its category over the rows of earlier groups, shape (rows, targets).

    Args:
        codes: Codes of one column, shape (rows,).
        targets: Targets, shape (rows, targets).
        groups: Number of each row's group, shape (rows,).
        order: Order of the rows, in which the rows of a group are adjacent.
        mean: Mean of all rows, which counts as `PRIOR` rows, shape (targets,).
    """
    # Rows of one category are adjacent; within a category, groups are in the given order.
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
    """Return for each row the position where its run begins, shape (rows,)."""
    starts = np.flatnonzero(is_first)
    return np.repeat(starts, np.diff(np.append(starts, len(is_first))))


def _mean(sums: Floats, counts: Floats, mean: Floats) -> Floats:
    means: Floats = (sums + PRIOR * mean) / (counts + PRIOR)
    return means
