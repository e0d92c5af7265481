"""Permutation importance: how much worse a network scores when the values of a column are shuffled among the rows.

Source: Breiman: Random Forests (2001); here for any network, on rows that it was not trained on, with intervals.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pipeline.metrics.bootstrap import Score, interval, resampled

REPEATS = 2
"""Number of times that each column is shuffled; the differences are averaged."""
SAMPLES = 200
"""Number of bootstrap samples behind an interval."""
RELATED = 0.8
"""Smallest Cramér's V, or rank correlation of two numbers, of columns that are also shuffled together."""
BINS = 16
"""Number of bins of each column in which the relation of two columns is measured."""
HEADER = ("columns", "importance", "low", "high")
Order = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Importance:
    """The importance of a column, or of several that were shuffled together because they are closely related.

    Attributes:
        columns: Names of the columns.
        value: How much worse the score is when their values are shuffled among the rows.
        low: Lower end of the confidence interval.
        high: Upper end of the confidence interval.
    """

    columns: Sequence[str]
    value: float
    low: float
    high: float

    @property
    def name(self) -> str:
        """The names of the columns, joined by ` + `."""
        return " + ".join(self.columns)

    @property
    def row(self) -> list[str]:
        """The values of a CSV file with the columns `HEADER`."""
        return [self.name, *(f"{value:.6g}" for value in (self.value, self.low, self.high))]


def permutation_importance(
    score_with: Callable[[Sequence[str], Order], Score],
    columns: Mapping[str, npt.NDArray[np.number]],
    group: npt.NDArray[np.integer],
    name: str,
    confidence: float,
    *,
    higher_is_better: bool,
) -> list[Importance]:
    """Return the importance of each column, and of each set of related columns, most important first.

    Of two columns that say the same, each looks unimportant, because the network reads the other one. Shuffled
    together, they show what they are worth.

    Args:
        score_with: Names of columns, and an order of the rows in which only these columns are put → the scores.
        columns: Values of each column, by which related ones are found, shape (rows,): integers are categories, floats
            are numbers, NaN where missing.
        group: Group of each row, shape (rows,); each group is resampled as a whole.
        name: Name of the score.
        confidence: Confidence level of the intervals.
        higher_is_better: Whether more of the score is better.
    """
    rows = len(group)
    random, sign, all_rows = np.random.default_rng(0), 1 if higher_is_better else -1, np.ones(rows)

    def scores(names: Sequence[str], order: Order) -> tuple[float, npt.NDArray[np.float64]]:
        score = score_with(names, order)
        return sign * score(all_rows)[name], sign * resampled(score, group, SAMPLES)[name]

    whole, of_samples = scores([], np.arange(rows))
    orders = [random.permutation(rows) for _ in range(REPEATS)]
    found = []
    for names in [*([each] for each in columns), *related_columns(columns)]:
        shuffled = [scores(names, order) for order in orders]
        value = whole - float(np.mean([score for score, _ in shuffled]))
        low, high = interval(of_samples - np.mean([samples for _, samples in shuffled], axis=0), confidence)
        found.append(Importance(names, value, low, high))
    return sorted(found, key=lambda importance: -importance.value)


def related_columns(columns: Mapping[str, npt.NDArray[np.number]]) -> list[list[str]]:
    """Return the sets of closely related columns: each is related to at least one other column of its set."""
    from scipy.sparse.csgraph import connected_components

    names, binned = list(columns), [_binned(values) for values in columns.values()]
    are_related = np.zeros((len(names), len(names)), bool)
    for one, (bins, ranks) in enumerate(binned):
        for other, (other_bins, other_ranks) in enumerate(binned[:one]):
            rank_correlation = 0.0 if ranks is None or other_ranks is None else abs(float(ranks @ other_ranks))
            are_related[one, other] = max(rank_correlation, _cramers_v(bins, other_bins)) >= RELATED
    count, part = connected_components(are_related, directed=False)
    sets = [[name for name, number in zip(names, part, strict=True) if number == each] for each in range(count)]
    return [together for together in sets if len(together) > 1]


def _binned(values: npt.NDArray[np.number]) -> tuple[Order, npt.NDArray[np.float64] | None]:
    """Return each row's bin; for numbers also its rank, scaled so that a product is Spearman's correlation."""
    if np.issubdtype(values.dtype, np.integer):
        _, place = np.unique(values, return_inverse=True)
        # The most frequent categories, and one bin for the others.
        position = np.argsort(np.argsort(-np.bincount(place), kind="stable"), kind="stable")
        return np.minimum(position[place], BINS - 1), None
    from scipy.stats import rankdata

    # Missing numbers are a bin of their own, and count as the mean rank.
    is_known = ~np.isnan(values)
    ranks, bins = np.zeros(len(values)), np.zeros(len(values), np.int64)
    known = rankdata(values[is_known])
    ranks[is_known], bins[is_known] = known - known.mean() if len(known) else 0, 1 + known * BINS // (len(known) + 1)
    return bins, ranks / (np.sqrt(ranks @ ranks) or 1.0)


def _cramers_v(bins: Order, others: Order) -> float:
    """Return Cramér's V of two columns of bins, 0 … 1, without the bias of few rows.

    Source: Bergsma: A bias-correction for Cramér's V and Tschuprow's T (2013).
    """
    counts = np.bincount(bins * (BINS + 1) + others, minlength=(BINS + 1) ** 2).reshape(BINS + 1, BINS + 1)
    counts = counts[counts.sum(axis=1) > 0][:, counts.sum(axis=0) > 0]
    rows, (height, width) = len(bins), counts.shape
    if min(height, width) < 2:
        return 0.0
    expected = np.outer(counts.sum(axis=1), counts.sum(axis=0)) / rows
    association = ((counts - expected) ** 2 / expected).sum() / rows
    association = max(0.0, association - (height - 1) * (width - 1) / (rows - 1))
    height, width = (size - (size - 1) ** 2 / (rows - 1) for size in (height, width))
    return float(np.sqrt(association / (min(height, width) - 1))) if min(height, width) > 1 else 0.0
