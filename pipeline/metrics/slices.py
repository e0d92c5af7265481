"""Parts of the test examples that are scored by themselves, such as the rows of one shop or the long sentences."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from pipeline.metrics.bootstrap import Score, interval, resampled

MOST_SLICES = 10
"""Largest number of slices by one column; rarer values form one slice together."""
FEWEST_EXAMPLES = 20
"""Smallest number of examples of a slice that is scored."""
BINS = 4
"""Number of slices by a number, of about equally many examples."""
SAMPLES = 200
"""Number of bootstrap samples of a slice: its interval shows where to look, it decides nothing."""
OTHER, MISSING = "(other values)", "(missing)"
HEADER = ("column", "slice", "examples", "share", "score", "low", "high")


@dataclass(frozen=True)
class Slicing:
    """A division of examples into slices.

    Attributes:
        column: The name of what divides them.
        names: Names of the slices, in the order in which they are shown.
        member: Position in `names` of each example's slice, shape (examples,).
    """

    column: str
    names: Sequence[str]
    member: npt.NDArray[np.integer[Any]]


@dataclass(frozen=True)
class Slice:
    """The score of one slice.

    Attributes:
        column: The name of what divides the examples.
        name: The name of the slice.
        examples: The number of its examples.
        share: Their share of all examples.
        value: The score; NaN if it is not defined, such as an AUC of one class.
        low: Lower end of the confidence interval.
        high: Upper end of the confidence interval.
        samples: The score of each bootstrap sample, shape (samples,).
    """

    column: str
    name: str
    examples: int
    share: float
    value: float
    low: float
    high: float
    samples: npt.NDArray[np.float64]

    @classmethod
    def of(cls, row: Sequence[Any], samples: npt.NDArray[np.float64]) -> Self:
        """Build a slice from `row` and its samples."""
        column, name, examples, share, value, low, high = row
        return cls(column, name, examples, share, value, low, high, samples)

    @property
    def row(self) -> list[Any]:
        """The values of the columns in `HEADER`."""
        return [self.column, self.name, self.examples, self.share, self.value, self.low, self.high]


def by_category(column: str, codes: npt.NDArray[np.integer[Any]], names: Sequence[str]) -> Slicing:
    """Divide examples by a category: the most frequent ones by themselves, all others together.

    Args:
        column: The name of the column.
        codes: Code of each example, shape (examples,).
        names: Names of the categories by code.
    """
    counts = np.bincount(codes, minlength=len(names))
    order = np.argsort(-counts, kind="stable")
    order = order[counts[order] > 0]
    kept = order if len(order) <= MOST_SLICES else order[: MOST_SLICES - 1]
    places = np.full(len(names), len(kept))
    places[kept] = np.arange(len(kept))
    rest = [OTHER] if len(kept) < len(order) else []
    return Slicing(column, [*(names[code] for code in kept), *rest], places[codes])


def by_number(column: str, values: npt.NDArray[Any]) -> Slicing:
    """Divide examples by a number, with NaN for a missing one, into slices of about equally many examples."""
    known = values[~np.isnan(values)]
    edges = np.unique(np.quantile(known, np.linspace(0, 1, BINS + 1), method="inverted_cdf")) if len(known) else known
    names = (
        [f"{low:.5g} … {high:.5g}" for low, high in pairwise(edges)]
        if len(edges) > 1
        else [f"{edge:.5g}" for edge in edges]
    )
    # A value that is an inner edge belongs to the slice below, whose name ends with it.
    places = np.clip(np.searchsorted(edges[1:], values), 0, max(len(names) - 1, 0))
    missing = np.isnan(values)
    places[missing] = len(names)
    return Slicing(column, [*names, *([MISSING] if missing.any() else [])], places)


def restricted(score: Score, chosen: npt.NDArray[np.bool_]) -> Score:
    """Return the scores of some examples, for weights of these, from those of all examples.

    Args:
        score: Function from the weights of all examples to scores by name.
        chosen: Whether each example is one of them, shape (examples,).
    """

    def score_chosen(weight: npt.NDArray[np.float64]) -> dict[str, float]:
        whole = np.zeros(len(chosen))
        whole[chosen] = weight
        return score(whole)

    return score_chosen


def score_slices(
    slicings: Sequence[Slicing],
    score_of: Callable[[npt.NDArray[np.bool_]], Score],
    groups: npt.NDArray[np.integer[Any]],
    headline: str,
    confidence: float,
) -> list[Slice]:
    """Return the main score of each slice that has enough examples.

    Args:
        slicings: The divisions.
        score_of: Returns the scores of the examples that a mask, shape (examples,), selects.
        groups: Group of each example, shape (examples,); each group is resampled as a whole.
        headline: Name of the main score.
        confidence: The confidence level of the intervals.
    """
    scored = []
    for slicing in slicings:
        for place, name in enumerate(slicing.names):
            mask = slicing.member == place
            count = int(mask.sum())
            if count < FEWEST_EXAMPLES:
                continue
            score = score_of(mask)
            value = score(np.ones(count))[headline]
            samples = resampled(score, groups[mask], SAMPLES)[headline]
            low, high = interval(samples, confidence) if np.isfinite(samples).any() else (np.nan, np.nan)
            scored.append(Slice(slicing.column, name, count, count / len(mask), value, low, high, samples))
    return scored
