"""Figures of a column, from counts of its rows by place, split and class."""

from typing import Any

import numpy as np
import numpy.typing as npt

from pipeline.data.splits import SPLITS
from pipeline.families.table.data.counting import Counts

DECILES = 10
"""Parts that an amount is cut into, to be judged like a class."""
COMMON = 19
"""Categories that are compared one by one between splits; rarer ones count as one."""
TRAIN, VAL, TEST = (SPLITS.index(name) for name in ("train", "val", "test"))
Tally = npt.NDArray[np.int32]
"""Rows, `(places, splits, classes)`; place 0 is for rows without a value."""


def constant_share(train: Tally) -> tuple[float | None, float | None, int]:
    """Return the share of values, `(values, classes)`, whose rows are of one class, by chance, and of how many."""
    total = train.sum(axis=1)
    several = train[total >= 2]
    if not len(several):
        return None, None, 0
    share = train.sum(axis=0) / train.sum()
    sizes, often = np.unique(total[total >= 2], return_counts=True)
    chance = float(((share[None, :] ** sizes[:, None]).sum(axis=1) * often).sum() / often.sum())
    return float(((several > 0).sum(axis=1) == 1).mean()), chance, len(several)


def auc_alone(tally: Tally, questions: list[npt.NDArray[np.bool_]], kind: str) -> float | None:
    """Return the area of the validation rows under the ROC curve of each place's mean answer in training.

    Args:
        tally: Rows by place, split and class.
        questions: Which classes are a yes; the mean over them is returned, weighted by how many say so.
        kind: Of the column.
    """
    areas = []
    train, val = tally[:, TRAIN].astype(np.float64), tally[:, VAL].astype(np.float64)
    for yes in questions:
        prior = train[:, yes].sum() / train.sum()
        mean = (train[:, yes].sum(axis=1) + prior) / (train.sum(axis=1) + 1)
        positive, negative = val[:, yes].sum(axis=1), val[:, ~yes].sum(axis=1)
        if not positive.sum() or not negative.sum():
            continue
        found = [area(positive, negative, mean)]
        if kind == "numeric":  # few rows a quantile: the number itself may order better than their means
            rising = area(positive, negative, np.arange(len(val)))
            found += [rising, 1 - rising]
        areas.append((max(found), float(positive.sum())))
    total = sum(weight for _, weight in areas)
    return sum(found * weight for found, weight in areas) / total if areas else None


def area(positive: npt.NDArray[Any], negative: npt.NDArray[Any], score: npt.NDArray[Any]) -> float:
    """Return the area under the ROC curve of groups of rows, a score a group."""
    order = np.argsort(score, kind="stable")
    starts = np.flatnonzero(np.r_[True, np.diff(score[order]) != 0])
    positive, negative = np.add.reduceat(positive[order], starts), np.add.reduceat(negative[order], starts)
    below = np.cumsum(negative) - negative / 2
    return float((positive * below).sum() / (positive.sum() * negative.sum()))


def stability(before: Counts, after: Counts, kind: str) -> tuple[float, int]:
    """Return the population stability index of two counts by place, and how many groups of places it compares.

    Siddiqi, Credit Risk Scorecards (2006): the sum over groups of (p − q) ln(p / q); .1 is a little, .25 is much.
    """
    if kind == "numeric":
        group = np.minimum(DECILES * (np.cumsum(before[1:]) - before[1:] / 2) // max(before[1:].sum(), 1), DECILES - 1)
    else:
        rank = np.argsort(np.argsort(-before[1:], kind="stable"), kind="stable")
        group = np.minimum(rank, COMMON)
    group = np.append(0, group + 1).astype(np.int64)
    rows = np.stack([np.bincount(group, weights=each) for each in (before, after)])
    p, q = rows[:, rows.sum(axis=0) > 0] + 0.5
    p, q = p / p.sum(), q / q.sum()
    return float(((p - q) * np.log(p / q)).sum()), len(p)
