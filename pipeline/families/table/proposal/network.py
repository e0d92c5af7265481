"""Decide by measurement whether rare categories and pairs of columns are worth their embeddings.

The fast model is a ridge regression on all columns at once: amounts are piecewise linear, and a category counts as the
shrunken mean target of the other training rows that have it. It is scored on rows that it was not fitted on. Of several
classes, the most frequent one is predicted.
"""

from collections.abc import Sequence
from itertools import combinations

import numpy as np
import numpy.typing as npt

from pipeline.families.table.data.counting import distinct
from pipeline.families.table.proposal.profile import MIN_COUNT, TableProfile
from pipeline.families.table.proposal.readings import (
    MEASURABLE,
    Measure,
    Outputs,
    is_certain,
    linear,
    pieces_of,
    share,
    squared,
)

PIECES = 8
"""Linear pieces of an amount's effect."""
SHRINKAGE = 5.0
MOST_COLUMNS = 12
"""Number of categorical columns from which on pairs are too many."""
RARE_GAIN, PAIRS_GAIN = 0.05, 0.2
"""Share by which the model has to explain more."""
PAIRS_REST = 0.08
"""Share by which pairs have to leave less unexplained, too. A hidden layer learns many pairs by itself, and its
embeddings are not shrunken: where the fast model gained less, trained networks lost (docs/experiments.md)."""
Codes = npt.NDArray[np.int64]


def choose_network(profile: TableProfile, measure: Measure) -> None:
    """Fill in `min_count` and `crosses` of a profile, with the reasons.

    Args:
        profile: The columns and the split.
        measure: The target of the thinned rows of its sample.
    """
    rows = profile.sample.thinned
    if profile.group:
        measure.hold_out_together(rows[profile.group].combine_chunks())
    columns = [column.name for column in profile.features("categorical", "both")]
    codes = [distinct(rows[name].combine_chunks())[1][measure.known].astype(np.int64) + 1 for name in columns]
    if not codes or int(measure.known.sum()) < MEASURABLE // 2:
        return
    numbers = [
        pieces_of(measure.numbers(rows[column.name].combine_chunks()), PIECES)[:, :-1]
        for column in profile.features("numeric", "both")
    ]
    model = _Additive(np.hstack([np.ones((int(measure.known.sum()), 1)), *numbers]), measure)
    usual, rare = model.errors(codes, MIN_COUNT), model.errors(codes, 1)
    if model.is_better(rare, usual, RARE_GAIN):
        profile.min_count = 1
        profile.reasons["min_count"] = (
            f"a fast model explains {model.share(rare)} with rare categories, {model.share(usual)} without"
        )
    best = min(rare, usual, key=lambda errors: float(errors.sum()))
    if 1 < len(codes) <= MOST_COLUMNS:
        pairs = [one * (int(other.max()) + 1) + other for one, other in combinations(codes, 2)]
        paired = model.errors([*codes, *(np.unique(pair, return_inverse=True)[1] for pair in pairs)], 1)
        if model.is_better(paired, best, PAIRS_GAIN, PAIRS_REST):
            profile.crosses = "pairs"
            profile.reasons["crosses"] = (
                f"a fast model explains {model.share(paired)} with pairs of columns, {model.share(best)} without"
            )


class _Additive:
    def __init__(self, amounts: Outputs, measure: Measure) -> None:
        self._amounts, self._fold = amounts, measure.fold
        self._target = measure.outputs[:, 0] - measure.outputs[:, 0].mean()
        self._total = float((self._target**2).sum())

    def errors(self, codes: Sequence[Codes], min_count: int) -> Outputs:
        """Return the squared error of each row."""

        def fit(train: npt.NDArray[np.bool_]) -> Outputs:
            effects = [self._effects(column, train, min_count)[:, None] for column in codes]
            return linear(np.hstack([*effects, self._amounts]), self._target[:, None], train)

        return squared(self._target[:, None], self._fold, fit)

    def _effects(self, codes: Codes, train: npt.NDArray[np.bool_], min_count: int) -> Outputs:
        """Return the shrunken mean of each row's category; of a training row, without its own target."""
        size = int(codes.max()) + 1
        learned, target = codes[train], self._target[train]
        rows = np.bincount(learned, minlength=size).astype(float)
        sums = np.bincount(learned, weights=target, minlength=size)
        rows[rows < min_count] = 0
        sums[rows == 0] = 0
        effects: Outputs = (sums / (rows + SHRINKAGE))[codes]
        others = np.maximum(rows[learned] - 1, 0)
        effects[train] = np.where(others > 0, (sums[learned] - target) / (others + SHRINKAGE), 0)
        return effects

    def is_better(self, errors: Outputs, others: Outputs, relevant: float, rest: float = 0.0) -> bool:
        """Return whether a model is better by more than chance, and by relevant shares of what is explained or not."""
        if errors.sum() > self._total:
            return False
        gain = others - errors
        explained = self._total - others.sum()
        return bool(is_certain(gain) and gain.sum() > relevant * max(explained, 0) and gain.sum() > rest * others.sum())

    def share(self, errors: Outputs) -> str:
        """Return the share of the target's variance that a model explains."""
        return share(errors, self._total)
