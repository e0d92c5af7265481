"""Cluster bootstrap intervals: whole groups are resampled, because rows of one group are not independent."""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

Score = Callable[[npt.NDArray[np.float64]], dict[str, float]]


def resampled(
    score: Score, group: npt.NDArray[np.integer], samples: int, seed: int = 0
) -> dict[str, npt.NDArray[np.float64]]:
    """Return each score of each bootstrap sample.

    Args:
        score: Function from row weights to scores by name.
        group: The group of each row, shape (rows,); each group is resampled as a whole.
        samples: The number of resamples.
        seed: The seed of the resampling; fixed, so that the same predictions give the same interval, and the scores of
            two models on the same rows can be compared sample by sample.

    Source: Efron and Tibshirani, An Introduction to the Bootstrap (1993), chapter 13; with clusters as the unit.
    """
    _, member = np.unique(group, return_inverse=True)
    groups = int(member.max()) + 1
    random = np.random.default_rng(seed)
    drawn: dict[str, list[float]] = {}
    for _ in range(samples):
        times = np.bincount(random.integers(groups, size=groups), minlength=groups).astype(np.float64)
        for name, value in score(times[member]).items():
            drawn.setdefault(name, []).append(value)
    return {name: np.asarray(values) for name, values in drawn.items()}


def for_all(confidence: float, comparisons: int) -> float:
    """Return the confidence of each interval with which several hold together at `confidence` (Bonferroni)."""
    return 1 - (1 - confidence) / max(comparisons, 1)


def interval(values: npt.NDArray[np.float64], confidence: float) -> tuple[float, float]:
    """Return the percentile interval of the scores of bootstrap samples.

    Args:
        values: A score of each sample. A sample without positives or without negatives has no AUC; such NaNs are
            ignored.
        confidence: The share of the samples inside the interval.
    """
    tail = (1 - confidence) / 2
    return float(np.nanquantile(values, tail)), float(np.nanquantile(values, 1 - tail))
