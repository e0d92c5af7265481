"""Decide by measurement whether a column is an amount, a category, both, or neither.

Each reading predicts the target from the column alone, on rows that it was not fitted on (five folds). The figure is
the share of the target's variance that it explains: of the classes, coded as 0 and 1, or of the ranks of an amount, so
that a few large ones do not decide.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pipeline.data.file_format import FileFormat, numbers_of
from pipeline.families.table.data.counting import Index, distinct
from pipeline.families.table.data.guessing import Guess

Outputs = npt.NDArray[np.float64]
Fit = Callable[[npt.NDArray[np.bool_]], Outputs]
"""Fits a model to the rows of a mask; returns its predictions of all rows."""
FOLDS = 5
CLASSES = 6
"""Classes that are distinguished, the most frequent first."""
PIECES = 32
"""Largest number of linear pieces of an amount's effect, about."""
VALUES_PER_PIECE, ROWS_PER_PIECE = 4, 50
RIDGE = 1.0
SHRINKAGE = (2.0, 10.0, 50.0)
"""Rows of the overall mean that are added to those of each category; the best on the held-out rows is taken."""
CERTAIN = 3.0
"""Standard errors by which one reading has to be better than a cheaper one."""
RELEVANT = 0.05
"""Share by which it has to explain more, or to leave less unexplained."""
MEASURABLE = 1000
"""Rows with a value below which a small difference is not trusted; then names and looks decide."""
KINDS = ("numeric", "categorical", "both")
"""Readings of whole numbers, the cheapest first."""


@dataclass(frozen=True)
class Reading:
    """How a column is used.

    Attributes:
        kind: One of `KINDS`, or a kind of `Guess`.
        reason: Why, with the figures; empty if there was no doubt.
        is_ordered: Whether it is a number whose size matters: as an amount it explains at least half as much.
    """

    kind: str
    reason: str = ""
    is_ordered: bool = False


class Measure:
    """Measures readings of columns against a target.

    Args:
        target: The target of each row as text, with nulls for rows that are not used.
        is_amount: Whether it is an amount.
        form: How its texts are read as numbers.

    Attributes:
        known: Mask of the rows with a target.
        outputs: What is predicted of these, shape (rows with a target, classes).
        fold: Their number of the fold in which they are held out.
    """

    def __init__(self, target: pa.Array, is_amount: bool, form: FileFormat) -> None:
        self._form = form
        texts, places = distinct(target)
        if is_amount:
            values = numbers_by_row(texts, places, form)
            self.known = np.isfinite(values)
            rank = np.argsort(np.argsort(values[self.known], kind="stable"), kind="stable")
            # Equal amounts get the mean of their ranks.
            _, group, sizes = np.unique(values[self.known], return_inverse=True, return_counts=True)
            outputs = (np.bincount(group, weights=rank) / sizes)[group][:, None] / max(len(rank), 1)
        else:
            self.known = places >= 0
            uses = np.bincount(places[self.known], minlength=len(texts))
            frequent = np.argsort(-uses, kind="stable")[: min(CLASSES, max(int((uses > 0).sum()), 1))]
            outputs = (places[self.known][:, None] == frequent[None, : 1 if len(frequent) == 2 else None]).astype(float)
        self.outputs: Outputs = outputs
        self.fold = np.random.default_rng(0).permutation(len(outputs)) % FOLDS
        self._constant = self._squared(lambda train: np.broadcast_to(outputs[train].mean(axis=0), outputs.shape))

    def hold_out_together(self, groups: pa.Array) -> None:
        """Hold out the rows of one group in the same fold."""
        _, places = distinct(groups)
        _, group = np.unique(places[self.known], return_inverse=True)
        self.fold = (np.random.default_rng(0).permutation(int(group.max(initial=0)) + 1) % FOLDS)[group]

    def numbers(self, values: pa.Array) -> Outputs:
        """Return the texts of a column as numbers, NaN where missing, of the rows with a target."""
        texts, places = distinct(values)
        return numbers_by_row(texts, places[self.known], self._form)

    def reading(self, column: Guess, values: pa.Array, is_named_id: bool) -> Reading:
        """Decide how a column is used.

        Args:
            column: Its kind by looks.
            values: Its texts, one per row.
            is_named_id: Whether its name is that of an id or a code, which decides where the figures do not.
        """
        texts, places = distinct(values)
        places = places[self.known]
        if column.is_whole and column.kind in ("numeric", "categorical") and column.distinct > 2:
            numbers = numbers_by_row(texts, places, self._form)
            # A category of its own in most rows would be learned from one row; at most an id is one.
            kinds = KINDS if column.distinct <= column.present / 2 or is_named_id else KINDS[:1]
            return self._of_whole_numbers(column, numbers, places, is_named_id, kinds)
        if column.kind == "categorical" and column.distinct > max(column.present / 2, 1):
            return self._of_rare_values(places)
        return Reading(column.kind)

    def _of_whole_numbers(
        self, column: Guess, numbers: Outputs, places: Index, is_named_id: bool, kinds: Sequence[str]
    ) -> Reading:
        errors = {kind: self._at_most_constant(self._errors(kind, numbers, places)) for kind in kinds}
        chosen = self._chosen(errors)
        names = {"numeric": "as an amount", "categorical": "as a category", "both": "as both"}
        figures = ", ".join(
            f"{self._share(errors[kind])} {names[kind]}" for kind in kinds if kind != "both" or chosen == "both"
        )
        is_measurable = int(np.isfinite(numbers).sum()) >= MEASURABLE
        if chosen == "numeric" and not (is_measurable and self._is_better(errors["numeric"], self._constant)):
            # The figures do not decide.
            if is_named_id and column.distinct == column.rows:
                return Reading("id", "a different number in every row, and its name is that of an id")
            if is_named_id:
                return Reading("categorical", "its name is that of an id")
            if not column.is_amount and not is_measurable:
                return Reading("categorical")
        explained = [float(self._constant.sum() - errors[kind].sum()) for kind in ("numeric", chosen)]
        is_ordered = explained[0] > 0 and explained[0] >= explained[1] / 2
        return Reading(chosen, f"explains {figures}" if len(kinds) > 1 and is_measurable else "", is_ordered)

    def _of_rare_values(self, places: Index) -> Reading:
        if int((places >= 0).sum()) < MEASURABLE:
            return Reading("categorical", "mostly rare values")
        errors = self._errors("categorical", np.empty(0), places)
        if self._is_better(errors, self._constant):
            return Reading("categorical", f"mostly rare values, which explain {self._share(errors)} of the target")
        return Reading("text", "mostly different values, which say nothing about the target")

    def _errors(self, kind: str, numbers: Outputs, places: Index) -> Outputs:
        """Return the squared error of each row by a reading."""
        if kind == "numeric":
            pieces = pieces_of(numbers)
            return self._squared(lambda train: linear(pieces, self.outputs, train))
        pieces = pieces_of(numbers) if kind == "both" else np.ones((len(places), 1))

        def predicted(shrinkage: float, train: npt.NDArray[np.bool_]) -> Outputs:
            base = linear(pieces, self.outputs, train)
            return base + _effects(places, self.outputs - base, train, shrinkage)

        candidates = [self._squared(partial(predicted, shrinkage)) for shrinkage in SHRINKAGE]
        return min(candidates, key=lambda errors: float(errors.sum()))

    def _squared(self, fit: Fit) -> Outputs:
        return squared(self.outputs, self.fold, fit)

    def _at_most_constant(self, errors: Outputs) -> Outputs:
        # A reading that predicts worse than the mean says nothing; another is better only if it says something.
        return errors if errors.sum() < self._constant.sum() else self._constant

    def _chosen(self, errors: dict[str, Outputs]) -> str:
        """Return the cheapest reading to which the best one is not better, and which no cheaper one surpasses."""
        best = min(errors, key=lambda kind: float(errors[kind].sum()))
        least = np.inf
        for kind, each in errors.items():
            if each.sum() <= least and not self._is_better(errors[best], each):
                return kind
            least = min(least, float(each.sum()))
        return best

    def _is_better(self, errors: Outputs, others: Outputs) -> bool:
        gain = others - errors
        rest = errors.sum()
        explained = self._constant.sum() - rest
        is_relevant = gain.sum() > RELEVANT * min(explained, rest)
        return bool(explained > 0 and is_certain(gain) and is_relevant)

    def _share(self, errors: Outputs) -> str:
        return share(errors, float(self._constant.sum()))


def squared(outputs: Outputs, fold: npt.NDArray[np.int64], fit: Fit) -> Outputs:
    """Return the squared error of each row, predicted by the fit on the rows of the other folds."""
    errors = np.empty(len(outputs))
    for number in range(FOLDS):
        held = fold == number
        errors[held] = ((outputs[held] - fit(~held)[held]) ** 2).sum(axis=1)
    return errors


def is_certain(gain: Outputs) -> bool:
    """Return whether the mean gain of the rows is positive by more than chance."""
    return bool(gain.mean() > CERTAIN * gain.std() / np.sqrt(len(gain)))


def share(errors: Outputs, total: float) -> str:
    """Return the share of the target's variance that is explained, given the total squared error of a constant."""
    return f"{max(1 - float(errors.sum()) / total, 0.0) if total else 0.0:.1%}"


def numbers_by_row(texts: pa.Array, places: Index, form: FileFormat) -> Outputs:
    """Return the number of each row, NaN where missing or not finite, given distinct texts and each row's place."""
    values = numbers_of(texts, form)[0].fill_null(np.nan).to_numpy(zero_copy_only=False)
    numbers: Outputs = np.append(values, np.nan)[places]
    return np.where(np.isfinite(numbers), numbers, np.nan)


def pieces_of(numbers: Outputs, most: int = PIECES) -> Outputs:
    """Return the features of a piecewise-linear function over quantiles, shape (rows, pieces + 2).

    The last two are a flag for a missing number, and a constant. There are about `most` pieces at most.
    """
    present = numbers[np.isfinite(numbers)]
    values = np.unique(present)
    count = int(np.clip(min(len(values) // VALUES_PER_PIECE, len(present) // ROWS_PER_PIECE), 1, most))
    if len(values) < 2:
        edges = np.array([0.0, 1.0]) + (values[0] if len(values) else 0.0)
    else:  # of the rows and of the different values: where most rows share one value, the others have pieces, too
        steps = np.linspace(0, 1, count // 2 + 2)
        edges = np.unique(np.append(np.quantile(present, steps), np.quantile(values, steps)))
    filled = np.where(np.isfinite(numbers), numbers, edges[0])
    widths = np.diff(edges)
    widths[widths == 0] = 1.0  # of numbers so large that the next one is more than 1 away
    inside = np.clip((filled[:, None] - edges[None, :-1]) / widths, 0, 1)
    return np.hstack([inside, np.isnan(numbers)[:, None], np.ones((len(numbers), 1))])


def linear(features: Outputs, outputs: Outputs, train: npt.NDArray[np.bool_]) -> Outputs:
    """Return ridge regressions for all rows, fitted on the training rows."""
    learned = features[train]
    penalty = np.diag(np.append(np.full(features.shape[1] - 1, RIDGE), 1e-9))
    predicted: Outputs = features @ np.linalg.solve(learned.T @ learned + penalty, learned.T @ outputs[train])
    return predicted


def _effects(places: Index, rest: Outputs, train: npt.NDArray[np.bool_], shrinkage: float) -> Outputs:
    """Return the shrunken mean of each row's category in the training rows; 0 for a category that they lack."""
    index = places.astype(np.int64) + 1
    size = int(index.max(initial=0)) + 1
    rows = np.bincount(index[train], minlength=size)
    sums = np.stack([np.bincount(index[train], weights=column[train], minlength=size) for column in rest.T], axis=1)
    effects: Outputs = (sums / (rows + shrinkage)[:, None])[index]
    return effects
