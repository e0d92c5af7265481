"""What each column tells by itself, from counts of rows by value, split and class."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.data.splits import DROPPED, SPLITS, Splits
from pipeline.families.table.data.audit.binning import NumberRuler, Ruler, TextRuler
from pipeline.families.table.data.audit.statistics import (
    DECILES,
    TEST,
    TRAIN,
    VAL,
    Tally,
    auc_alone,
    constant_share,
    stability,
)
from pipeline.families.table.data.counting import MISSING, Counts, Index, counts, distinct, parts
from pipeline.families.table.data.encoding import Floats
from pipeline.families.table.data.rows import RawRows
from pipeline.families.table.data.schema import Numeric
from pipeline.families.table.data.targets import Answers, class_counts

LABELS = 16
"""Classes told apart; rarer ones count as one."""
UNLABELLED = "unlabelled"


@dataclass(frozen=True)
class ColumnAudit:
    """One column.

    Attributes:
        name: Of the column.
        kind: categorical, numeric, or none: no feature, but the key of a join or of the split.
        values: Different ones in the training rows; None for numbers with fractions, which are counted by quantiles.
        missing: Share of the training rows without one.
        most_frequent: Share of the training rows that have the most frequent value (or quantile), or none.
        auc: Area under the ROC curve of the validation rows by this column alone: each value's mean target in the
            training rows; the mean over classes; for an amount, the upper half against the lower. None where the
            validation rows are of one sort only.
        accuracy: Share of the validation rows that have the most frequent class (tenth, of amounts) of their value's
            training rows.
        accuracy_without: Share that has the most frequent class.
        constant: Of the values with several training rows, the share whose rows are all of one class (tenth).
        constant_by_chance: What it would be if rows had nothing in common.
        repeated: Values with several training rows.
        known: Share of the test rows with a value that training has.
        unseen: Split → share of its rows with a value that no training row has.
        drift: Split → population stability index against the training rows.
        drift_by_chance: Split → what it would be about if nothing had changed.
    """

    name: str
    kind: str
    values: int | None
    missing: float
    most_frequent: float
    auc: float | None
    accuracy: float
    accuracy_without: float
    constant: float | None
    constant_by_chance: float | None
    repeated: int
    known: float
    unseen: dict[str, float]
    drift: dict[str, float]
    drift_by_chance: dict[str, float]


@dataclass(frozen=True)
class Labels:
    """A small class for each row, and the questions by which columns are judged: which classes are a yes."""

    rows: npt.NDArray[np.int8]
    questions: list[npt.NDArray[np.bool_]]

    @property
    def classes(self) -> int:
        """How many there are."""
        return len(self.questions[0])


def labels_of(answers: Answers, split: Splits) -> Labels:
    """Cut amounts into tenths of the training rows; fold rare classes into one."""
    train = answers.values[split == TRAIN]
    if not answers.classes:
        edges = np.unique(np.quantile(train, np.linspace(0, 1, DECILES + 1)[1:-1]))
        middle = np.searchsorted(edges, np.median(train), side="right")
        upper = np.arange(len(edges) + 1) >= middle
        if middle == np.searchsorted(edges, train.min(), side="right"):  # most are the least: zeros, mostly
            upper = np.arange(len(edges) + 1) > middle
        return Labels(_by_parts(answers, lambda amounts: np.searchsorted(edges, amounts, side="right")), [upper])
    common = np.argsort(-class_counts(answers, split)[TRAIN], kind="stable")
    rank = np.minimum(np.argsort(common), LABELS - 1)
    classes = min(len(answers.classes), LABELS)
    asked = [rank[1]] if classes == 2 else range(classes)
    labels = _by_parts(answers, lambda codes: rank[codes.astype(np.int32)])
    return Labels(labels, [np.arange(classes) == label for label in asked])


def _by_parts(answers: Answers, label: Callable[[npt.NDArray[Any]], npt.NDArray[Any]]) -> npt.NDArray[np.int8]:
    found = np.empty(len(answers.values), dtype=np.int8)
    for part in parts(len(found)):
        found[part] = label(np.nan_to_num(answers.values[part]))
    return found


def judge(
    raw: RawRows,
    others: RawRows | None,
    target: str,
    labels: Labels,
    split: Splits,
    draws: Mapping[str, float],
    numeric: Mapping[str, Numeric],
) -> Iterator[ColumnAudit]:
    """Look at each column.

    Args:
        raw: All rows.
        others: Rows without a target, to compare with.
        target: The column to predict, which is left out.
        labels: Its classes.
        split: Of each row.
        draws: Split → how many independent draws its rows are worth.
        numeric: Columns of numbers, fitted.
    """
    table = raw.table
    width = len(SPLITS) * labels.classes
    cell = np.where(split == DROPPED, np.int8(width), split * np.int8(labels.classes) + labels.rows)
    for key, part in table.parts.items():
        names = [name for name in part.names if name != target]
        if names:
            cells = _cells(raw.indices[key].read(), cell, len(part), width)
        for name in names:
            values = raw.values(name)
            texts, own = distinct(values)
            ruler = NumberRuler(numeric[name]) if name in numeric else TextRuler(texts)
            kind = ruler.kind if name in table.layout.inputs else "none"
            places = ruler.places(values) if name in numeric else own + 1
            seen = _Seen(name, kind, ruler, cells, places, own + 1)
            yield _judged(seen, labels, draws, _other_counts(others, name, ruler))
    for name in table.numbers:
        if name in numeric:
            ruler = NumberRuler(numeric[name])
            index, places, exact = _numbers(raw.numbers[name].read(), ruler)
            cells = _cells(index, cell, len(places), width)
            seen = _Seen(name, ruler.kind, ruler, cells, places, exact)
            yield _judged(seen, labels, draws, _other_counts(others, name, ruler))


def _numbers(numbers: Floats, ruler: NumberRuler) -> tuple[Index, Index, Index | None]:
    """Return the index of each row, the ruler's place of each index, and its own place where numbers are whole.

    Whole numbers may be names: of persons, shops, orders. Those with fractions are counted by quantiles at once.
    """
    present = numbers[~np.isnan(numbers)]
    if (present == np.rint(present)).all():
        encoded = pa.array(numbers, from_pandas=True).dictionary_encode()
        index = pc.fill_null(encoded.indices, MISSING).to_numpy()
        return index, ruler.places(encoded.dictionary), np.arange(1, len(encoded.dictionary) + 1, dtype=np.int32)
    return ruler.places(pa.array(numbers)) - 1, np.arange(1, ruler.size, dtype=np.int32), None


@dataclass(frozen=True)
class _Cells:
    """Rows counted by index and by cell (split × class); `index` is -1 where there is no value."""

    index: npt.NDArray[np.int64]
    cell: npt.NDArray[np.int64]
    count: Counts


def _cells(index: Index, cell: npt.NDArray[Any], size: int, width: int) -> _Cells:
    size, stride = size + 1, width + 1  # a place for no value, a cell for the dropped
    if size * stride <= 4 * len(index) + 1000:
        total = np.zeros(size * stride, dtype=np.int64)
        for rows in parts(len(index)):
            total += np.bincount((index[rows] + 1) * stride + cell[rows], minlength=len(total))
        found = np.flatnonzero(total)
        count = total[found]
    else:
        found, count = np.unique((index.astype(np.int64) + 1) * stride + cell, return_counts=True)
    kept = found % stride < width
    return _Cells(found[kept] // stride - 1, found[kept] % stride, count[kept])


@dataclass(frozen=True)
class _Seen:
    """A column as counted: the ruler's place of each index, and that of its value among all values, if it is known."""

    name: str
    kind: str
    ruler: Ruler
    cells: _Cells
    places: Index
    exact: Index | None

    def tally(self, places: Index, size: int, classes: int) -> Tally:
        """Return counts `(places, splits, classes)`; place 0 is for rows without a value."""
        width = len(SPLITS) * classes
        found = np.zeros(size * width, dtype=np.int32)
        place = np.append(places, 0).astype(np.int64)[self.cells.index]
        np.add.at(found, place * width + self.cells.cell, self.cells.count)
        return found.reshape(size, len(SPLITS), classes)


def _other_counts(others: RawRows | None, name: str, ruler: Ruler) -> Counts | None:
    """Count the unlabelled rows by place, those of unknown categories last; None where they lack the column."""
    if others is None or name not in {*others.table.owners, *others.table.numbers}:
        return None
    if name in others.numbers:
        return counts(ruler.places(pa.array(others.numbers[name].read())), ruler.size + 1)
    places = np.append(ruler.places(others.values(name)), 0)
    uses = counts(others.index(name) + 1, len(others.values(name)) + 1)
    return np.bincount(places, weights=np.roll(uses, -1), minlength=ruler.size + 1).astype(np.int64)


def _judged(seen: _Seen, labels: Labels, draws: Mapping[str, float], others: Counts | None) -> ColumnAudit:
    ruler = seen.ruler
    tally = seen.tally(seen.places, ruler.size, labels.classes)
    exact = tally
    if ruler.kind == "numeric" and seen.exact is not None:
        exact = seen.tally(seen.exact, int(seen.exact.max(initial=0)) + 1, labels.classes)
    rows = {split: np.append(tally[:, i].sum(axis=1), 0) for i, split in enumerate(SPLITS)}
    if others is not None:
        rows[UNLABELLED] = others
    train, by_value = rows["train"], exact.sum(axis=2)
    constant, by_chance, repeated = constant_share(exact[1:, TRAIN]) if seen.exact is not None else (None, None, 0)
    likeliest = np.where(train[:-1] > 0, tally[:, TRAIN].argmax(axis=1), tally[:, TRAIN].sum(axis=0).argmax())
    right = tally[np.arange(len(tally)), VAL, likeliest].sum()
    usual = tally[:, VAL].sum(axis=0)[tally[:, TRAIN].sum(axis=0).argmax()]
    drift = {name: stability(train, found, ruler.kind) for name, found in rows.items() if name not in ("train", "val")}
    return ColumnAudit(
        name=seen.name,
        kind=seen.kind,
        values=int((by_value[1:, TRAIN] > 0).sum()) if seen.exact is not None else None,
        missing=float(train[0] / train.sum()),
        most_frequent=float(by_value[:, TRAIN].max() / train.sum()),
        auc=auc_alone(tally, labels.questions, ruler.kind),
        accuracy=float(right / rows["val"].sum()),
        accuracy_without=float(usual / rows["val"].sum()),
        constant=constant,
        constant_by_chance=by_chance,
        repeated=repeated,
        known=float(by_value[1:, TEST][by_value[1:, TRAIN] > 0].sum() / rows["test"].sum()),
        unseen={
            split: float(found[1:][train[1:] == 0].sum() / found.sum())
            for split, found in rows.items()
            if split != "train" and ruler.kind == "categorical"
        },
        drift={split: index for split, (index, _) in drift.items()},
        drift_by_chance={
            split: (groups - 1) * (1 / draws["train"] + 1 / draws[split]) for split, (_, groups) in drift.items()
        },
    )
