"""Compute statistics of a column from counts of its rows by place, split and class."""

from typing import Any

import numpy as np
import numpy.typing as npt

from pipeline.data.splits import SPLITS
from pipeline.families.table.data.counting import Counts

DECILES = 10
"""Number of parts that an amount is cut into; each is treated like a class."""
COMMON = 19
"""Number of categories that are compared one by one between splits; rarer ones are merged into one."""
TRAIN, VAL, TEST = (SPLITS.index(name) for name in ("train", "val", "test"))
Tally = npt.NDArray[np.int32]
"""Counts of rows, shape (places, splits, classes); place 0 is for rows without a value."""


def constant_share(train: Tally) -> tuple[float | None, float | None, int]:
    """Return the share of values whose rows are all of one class, that share by chance, and the number of values.

    Args:
        train: Counts of the training rows, shape (values, classes). Only values with several rows are considered.
    """
    total = train.sum(axis=1)
    several = train[total >= 2]
    if not len(several):
        return None, None, 0
    share = train.sum(axis=0) / train.sum()
    sizes, often = np.unique(total[total >= 2], return_counts=True)
    chance = float(((share[None, :] ** sizes[:, None]).sum(axis=1) * often).sum() / often.sum())
    return float(((several > 0).sum(axis=1) == 1).mean()), chance, len(several)


def auc_alone(tally: Tally, questions: list[npt.NDArray[np.bool_]], kind: str) -> float | None:
    """Return the area under the ROC curve of the validation rows, scored by each place's mean target in training.

    Args:
        tally: Counts of rows by place, split and class.
        questions: Masks of the classes that count as positive. The mean over them is returned, weighted by the number
            of positive rows.
        kind: Kind of the column.
    """
    areas = []
    train, val = tally[:, TRAIN].astype(np.float64), tally[:, VAL].astype(np.float64)
    for is_positive in questions:
        prior = train[:, is_positive].sum() / train.sum()
        mean = (train[:, is_positive].sum(axis=1) + prior) / (train.sum(axis=1) + 1)
        positive, negative = val[:, is_positive].sum(axis=1), val[:, ~is_positive].sum(axis=1)
        if not positive.sum() or not negative.sum():
            continue
        candidates = [area(positive, negative, mean)]
        if kind == "numeric":  # with few rows per quantile, the number itself may rank better than the means
            rising = area(positive, negative, np.arange(len(val)))
            candidates += [rising, 1 - rising]
        areas.append((max(candidates), float(positive.sum())))
    total = sum(weight for _, weight in areas)
    return sum(value * weight for value, weight in areas) / total if areas else None


def area(positive: npt.NDArray[Any], negative: npt.NDArray[Any], score: npt.NDArray[Any]) -> float:
    """Return the area under the ROC curve of groups of rows, with one score per group."""
    order = np.argsort(score, kind="stable")
    starts = np.flatnonzero(np.r_[True, np.diff(score[order]) != 0])
    positive, negative = np.add.reduceat(positive[order], starts), np.add.reduceat(negative[order], starts)
    below = np.cumsum(negative) - negative / 2
    return float((positive * below).sum() / (positive.sum() * negative.sum()))


def stability(before: Counts, after: Counts, kind: str) -> tuple[float, int]:
    """Return the population stability index of two counts by place, and the number of groups of places compared.

    Source: Siddiqi, Credit Risk Scorecards (2006): the sum over groups of (p − q) ln(p / q). An index of .1 indicates
    slight drift, .25 strong drift.
    """
    if kind == "numeric":
        group = np.minimum(DECILES * (np.cumsum(before[1:]) - before[1:] / 2) // max(before[1:].sum(), 1), DECILES - 1)
    else:
        rank = np.argsort(np.argsort(-before[1:], kind="stable"), kind="stable")
        group = np.minimum(rank, COMMON)
    group = np.append(0, group + 1).astype(np.int64)
    rows = np.stack([np.bincount(group, weights=counts) for counts in (before, after)])
    p, q = rows[:, rows.sum(axis=0) > 0] + 0.5
    p, q = p / p.sum(), q / q.sum()
    return float(((p - q) * np.log(p / q)).sum()), len(p)
