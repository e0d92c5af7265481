"""Cluster bootstrap intervals: whole groups are resampled, because rows of one group are not independent."""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

Score = Callable[[npt.NDArray[np.float64]], dict[str, float]]


def intervals(
    score: Score, group: npt.NDArray[np.integer], samples: int, confidence: float, seed: int = 0
) -> dict[str, tuple[float, float]]:
    """Return the bootstrap percentile interval of each score.

    Args:
        score: Function from row weights to scores by name.
        group: The group of each row, shape (rows,).
        samples: The number of resamples.
        confidence: The share of the resamples inside the interval.
        seed: The seed of the resampling; fixed, so that the same predictions give the same interval.

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
    tail = (1 - confidence) / 2
    # A resample without positives or without negatives has no AUC; such NaNs are ignored.
    return {name: (_quantile(values, tail), _quantile(values, 1 - tail)) for name, values in drawn.items()}


def _quantile(values: list[float], share: float) -> float:
    return float(np.nanquantile(values, share))
