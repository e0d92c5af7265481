"""Compute statistics of a column from counts of its rows by place, split and class."""

from typing import Any

import numpy as np
import numpy.typing as npt

from pipeline.data.splits import SPLITS
from pipeline.families.table.data.counting import Counts, Index

DECILES = 10
"""Number of parts that an amount is cut into; each is treated like a class."""
COMMON = 19
"""Number of categories that are compared one by one between splits; rarer ones are merged into one."""
TRAIN, VAL, TEST = (SPLITS.index(name) for name in ("train", "val", "test"))
Tally = npt.NDArray[np.int32]
"""Counts of rows, shape (places, splits, classes); place 0 is for rows without a value."""


def constant_share(train: Tally, near: Index | None = None) -> tuple[float | None, float | None, int]:
    """Return the share of values whose rows are all of one class, that share by chance, and the number of values.

    Args:
        train: Counts of the training rows, shape (values, classes). Only values with several rows are considered.
        near: For numbers, a number of the neighbourhood of each value. What is constant by chance then depends on the
            classes of the value's neighbours: an amount predicts as they do, the number of a person does not.
    """
    total = train.sum(axis=1)
    if not (total >= 2).any():
        return None, None, 0
    share = np.broadcast_to(train.sum(axis=0) / train.sum(), train.shape)
    if near is not None:
        around = np.zeros((int(near.max()) + 1, train.shape[1]))
        np.add.at(around, near, train)
        others = around[near] - train + share  # the overall share counts as one row
        share = others / others.sum(axis=1, keepdims=True)
    several = total >= 2
    chance = float((share[several] ** total[several, None]).sum(axis=1).mean())
    return float(((train[several] > 0).sum(axis=1) == 1).mean()), chance, int(several.sum())


def auc_interval(auc: float, positive: float, negative: float, deviations: float) -> tuple[float, float]:
    """Return a confidence interval of an area under the ROC curve.

    Its ends are the areas from which the estimate lies `deviations` standard errors away (Newcombe 2006, method 5), so
    that it has a width for an estimate of 1, too. Source of the standard error: Hanley and McNeil 1982.
    """

    def error(area: float) -> float:
        one, two = area / (2 - area), 2 * area**2 / (1 + area)
        spread = (positive - 1) * (one - area**2) + (negative - 1) * (two - area**2)
        return float(np.sqrt(max(area * (1 - area) + spread, 0) / (positive * negative)))

    def end(lowest: float, highest: float, sign: int) -> float:
        for _ in range(40):
            middle = (lowest + highest) / 2
            is_inside = abs(middle - auc) < deviations * error(middle)
            if is_inside == (sign > 0):
                lowest = middle
            else:
                highest = middle
        return (lowest + highest) / 2

    return end(0.0, auc, -1), end(auc, 1.0, 1)


def share_interval(share: float, rows: float, deviations: float) -> tuple[float, float]:
    """Return a confidence interval of a share of rows (Wilson 1927)."""
    square = deviations**2
    middle = (share + square / (2 * rows)) / (1 + square / rows)
    half = deviations / (1 + square / rows) * float(np.sqrt(share * (1 - share) / rows + square / (4 * rows**2)))
    return max(middle - half, 0.0), min(middle + half, 1.0)


def auc_alone(
    tally: Tally, questions: list[npt.NDArray[np.bool_]], kind: str, deviations: float
) -> tuple[float, float, float] | None:
    """Return the area under the ROC curve of the validation rows, scored by each place's mean target in training.

    The area is followed by the ends of its confidence interval.

    Args:
        tally: Counts of rows by place, split and class.
        questions: Masks of the classes that count as positive. The mean over them is returned, weighted by the number
            of positive rows.
        kind: Kind of the column.
        deviations: Standard errors from the area to the ends of its interval.
    """
    areas, pairs = [], []
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
        pairs.append((float(positive.sum()), float(negative.sum())))
    total = sum(weight for _, weight in areas)
    if not areas:
        return None
    mean = sum(value * weight for value, weight in areas) / total
    rows = np.mean(pairs, axis=0)
    return (mean, *auc_interval(mean, rows[0], rows[1], deviations))


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
