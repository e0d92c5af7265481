"""Audit each column by itself, from counts of rows by value, split and class."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.data.splits import DROPPED, SPLITS, Splits
from pipeline.families.table.data.audit.binning import Binner, NumberBinner, TextBinner
from pipeline.families.table.data.audit.statistics import (
    DECILES,
    TEST,
    TRAIN,
    VAL,
    Tally,
    auc_alone,
    constant_share,
    share_interval,
    stability,
)
from pipeline.families.table.data.counting import MISSING, Counts, Index, counts, distinct, parts
from pipeline.families.table.data.encoding import Floats
from pipeline.families.table.data.rows import RawRows
from pipeline.families.table.data.schema import Numeric
from pipeline.families.table.data.targets import Answers, class_counts

LABELS = 16
"""Classes that are distinguished; rarer ones are merged into one."""
UNLABELLED = "unlabelled"
NEAR = 8
"""Quantiles of a number that are its neighbourhood; it has up to 256."""


@dataclass(frozen=True)
class ColumnAudit:
    """The audit of one column.

    Attributes:
        name: Name of the column.
        kind: `categorical`, `numeric`, or `none` for a column that is not a feature but the key of a join or the split.
        rows: Number of validation rows.
        values: Number of distinct values in the training rows; None for numbers with fractions, which are counted by
            quantiles.
        missing: Share of the training rows without a value.
        most_frequent: Share of the training rows that have the most frequent value (or quantile, or no value).
        auc: Area under the ROC curve of the validation rows by this column alone, scored by each value's mean target
            in the training rows; the mean over classes; for an amount, the upper half against the lower. None if the
            validation rows are all positive or all negative.
        auc_low, auc_high: Its confidence interval. Over all columns together, one of twenty tables has a column whose
            area lies outside.
        accuracy: Share of the validation rows that have the most frequent class (for amounts, decile) of their value's
            training rows.
        accuracy_low: Lower end of its confidence interval, likewise.
        accuracy_without: Share of the validation rows that have the most frequent class.
        constant: Share of the values with several training rows whose rows are all of one class (or decile).
        constant_low: Lower end of its confidence interval, likewise.
        constant_by_chance: The same share if rows had nothing in common.
        repeated: Number of values with several training rows.
        known: Share of the test rows with a value that occurs in training.
        unseen: Split → share of its rows with a value that no training row has.
        drift: Split → population stability index against the training rows.
        drift_by_chance: Split → the approximate index if nothing had changed.
    """

    name: str
    kind: str
    rows: int
    values: int | None
    missing: float
    most_frequent: float
    auc: float | None
    auc_low: float | None
    auc_high: float | None
    accuracy: float
    accuracy_low: float
    accuracy_without: float
    constant: float | None
    constant_low: float | None
    constant_by_chance: float | None
    repeated: int
    known: float
    unseen: dict[str, float]
    drift: dict[str, float]
    drift_by_chance: dict[str, float]


@dataclass(frozen=True)
class Labels:
    """A small class number for each row, and the binary questions by which columns are judged.

    A question is a mask of the classes that count as positive, shape (classes,).
    """

    rows: npt.NDArray[np.int8]
    questions: list[npt.NDArray[np.bool_]]

    @property
    def classes(self) -> int:
        """Number of classes."""
        return len(self.questions[0])


def labels_of(answers: Answers, split: Splits) -> Labels:
    """Cut amounts into deciles of the training rows; merge rare classes into one."""
    train = answers.values[split == TRAIN]
    if not answers.classes:
        edges = np.unique(np.quantile(train, np.linspace(0, 1, DECILES + 1)[1:-1]))
        middle = np.searchsorted(edges, np.median(train), side="right")
        upper = np.arange(len(edges) + 1) >= middle
        if middle == np.searchsorted(edges, train.min(), side="right"):  # most rows have the minimum, usually zero
            upper = np.arange(len(edges) + 1) > middle
        return Labels(_by_parts(answers, lambda amounts: np.searchsorted(edges, amounts, side="right")), [upper])
    common = np.argsort(-class_counts(answers, split)[TRAIN], kind="stable")
    rank = np.minimum(np.argsort(common), LABELS - 1)
    classes = min(len(answers.classes), LABELS)
    positives = [rank[1]] if answers.kind == "binary" else range(classes)
    labels = _by_parts(answers, lambda codes: rank[codes.astype(np.int32)])
    return Labels(labels, [np.arange(classes) == label for label in positives])


def _by_parts(answers: Answers, label: Callable[[npt.NDArray[Any]], npt.NDArray[Any]]) -> npt.NDArray[np.int8]:
    labels = np.empty(len(answers.values), dtype=np.int8)
    for part in parts(len(labels)):
        labels[part] = label(np.nan_to_num(answers.values[part]))
    return labels


def judge(
    raw: RawRows,
    others: RawRows | None,
    target: str,
    labels: Labels,
    split: Splits,
    draws: Mapping[str, float],
    numeric: Mapping[str, Numeric],
    deviations: float,
) -> Iterator[ColumnAudit]:
    """Audit each column.

    Args:
        raw: All rows of the main file.
        others: Rows without a target, to compare with.
        target: The column to predict, which is left out.
        labels: The class of each row.
        split: The split of each row.
        draws: Split → effective number of independent rows.
        numeric: Name → fitted column of numbers.
        deviations: Standard errors from an estimate to the ends of its interval.
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
            binner = NumberBinner(numeric[name], table.layout.format) if name in numeric else TextBinner(texts)
            kind = binner.kind if name in table.layout.inputs else "none"
            places = binner.bin_indices(values) if name in numeric else own + 1
            column = _CountedColumn(name, kind, binner, cells, places, own + 1)
            yield _judged(column, labels, draws, deviations, _other_counts(others, name, binner))
    for name in table.numbers:
        if name in numeric:
            binner = NumberBinner(numeric[name], table.layout.format)
            index, places, exact = _numbers(raw.numbers[name].read(), binner)
            cells = _cells(index, cell, len(places), width)
            column = _CountedColumn(name, binner.kind, binner, cells, places, exact)
            yield _judged(column, labels, draws, deviations, _other_counts(others, name, binner))


def _numbers(numbers: Floats, binner: NumberBinner) -> tuple[Index, Index, Index | None]:
    """Return the index of each row, the bin of each index, and the exact place of each index if numbers are whole.

    Whole numbers may be names, of persons, shops or orders. Numbers with fractions are counted by quantiles only.
    """
    present = numbers[~np.isnan(numbers)]
    if (present == np.rint(present)).all():
        encoded = pa.array(numbers, from_pandas=True).dictionary_encode()
        index = pc.fill_null(encoded.indices, MISSING).to_numpy()
        return index, binner.bin_indices(encoded.dictionary), np.arange(1, len(encoded.dictionary) + 1, dtype=np.int32)
    return binner.bin_indices(pa.array(numbers)) - 1, np.arange(1, binner.size, dtype=np.int32), None


@dataclass(frozen=True)
class _Cells:
    """Counts of rows by index and by cell (split × class); `index` is -1 where a value is missing."""

    index: npt.NDArray[np.int64]
    cell: npt.NDArray[np.int64]
    count: Counts


def _cells(index: Index, cell: npt.NDArray[Any], size: int, width: int) -> _Cells:
    size, stride = size + 1, width + 1  # one more place for missing values, one more cell for dropped rows
    if size * stride <= 4 * len(index) + 1000:
        total = np.zeros(size * stride, dtype=np.int64)
        for rows in parts(len(index)):
            total += np.bincount((index[rows] + 1) * stride + cell[rows], minlength=len(total))
        occupied = np.flatnonzero(total)
        count = total[occupied]
    else:
        occupied, count = np.unique((index.astype(np.int64) + 1) * stride + cell, return_counts=True)
    kept = occupied % stride < width
    return _Cells(occupied[kept] // stride - 1, occupied[kept] % stride, count[kept])


@dataclass(frozen=True)
class _CountedColumn:
    """A counted column.

    Attributes:
        name: Name of the column.
        kind: As in `ColumnAudit`.
        binner: Assigns its values to bins.
        cells: Its rows, counted by index and by cell.
        places: The bin of each index.
        exact: The place of each index's value among all values; None for numbers with fractions.
    """

    name: str
    kind: str
    binner: Binner
    cells: _Cells
    places: Index
    exact: Index | None

    def tally(self, places: Index, size: int, classes: int) -> Tally:
        """Return counts, shape (places, splits, classes); place 0 is for rows without a value."""
        width = len(SPLITS) * classes
        total = np.zeros(size * width, dtype=np.int32)
        place = np.append(places, 0).astype(np.int64)[self.cells.index]
        np.add.at(total, place * width + self.cells.cell, self.cells.count)
        return total.reshape(size, len(SPLITS), classes)


def _other_counts(others: RawRows | None, name: str, binner: Binner) -> Counts | None:
    """Count the unlabelled rows by bin, unknown categories last; return None if they lack the column."""
    if others is None or name not in {*others.table.owners, *others.table.numbers}:
        return None
    if name in others.numbers:
        return counts(binner.bin_indices(pa.array(others.numbers[name].read())), binner.size + 1)
    places = np.append(binner.bin_indices(others.values(name)), 0)
    uses = counts(others.index(name) + 1, len(others.values(name)) + 1)
    return np.bincount(places, weights=np.roll(uses, -1), minlength=binner.size + 1).astype(np.int64)


def _judged(
    column: _CountedColumn, labels: Labels, draws: Mapping[str, float], deviations: float, others: Counts | None
) -> ColumnAudit:
    binner = column.binner
    tally = column.tally(column.places, binner.size, labels.classes)
    exact, near = tally, None
    if binner.kind == "numeric" and column.exact is not None:
        exact = column.tally(column.exact, int(column.exact.max(initial=0)) + 1, labels.classes)
        bins = np.zeros(len(exact), dtype=np.int32)
        bins[column.exact] = column.places
        near = bins[1:] // NEAR
    rows = {split: np.append(tally[:, i].sum(axis=1), 0) for i, split in enumerate(SPLITS)}
    if others is not None:
        rows[UNLABELLED] = others
    train, by_value = rows["train"], exact.sum(axis=2)
    constant, by_chance, repeated = (
        constant_share(exact[1:, TRAIN], near) if column.exact is not None else (None, None, 0)
    )
    likeliest = np.where(train[:-1] > 0, tally[:, TRAIN].argmax(axis=1), tally[:, TRAIN].sum(axis=0).argmax())
    right = tally[np.arange(len(tally)), VAL, likeliest].sum()
    usual = tally[:, VAL].sum(axis=0)[tally[:, TRAIN].sum(axis=0).argmax()]
    auc, auc_low, auc_high = auc_alone(tally, labels.questions, binner.kind, deviations) or (None, None, None)
    drift = {name: stability(train, after, binner.kind) for name, after in rows.items() if name not in ("train", "val")}
    return ColumnAudit(
        name=column.name,
        kind=column.kind,
        rows=int(rows["val"].sum()),
        values=int((by_value[1:, TRAIN] > 0).sum()) if column.exact is not None else None,
        missing=float(train[0] / train.sum()),
        most_frequent=float(by_value[:, TRAIN].max() / train.sum()),
        auc=auc,
        auc_low=auc_low,
        auc_high=auc_high,
        accuracy=float(right / rows["val"].sum()),
        accuracy_low=share_interval(float(right / rows["val"].sum()), float(rows["val"].sum()), deviations)[0],
        accuracy_without=float(usual / rows["val"].sum()),
        constant=constant,
        constant_low=None if constant is None else share_interval(constant, repeated, deviations)[0],
        constant_by_chance=by_chance,
        repeated=repeated,
        known=float(by_value[1:, TEST][by_value[1:, TRAIN] > 0].sum() / rows["test"].sum()),
        unseen={
            split: float(total[1:][train[1:] == 0].sum() / total.sum())
            for split, total in rows.items()
            if split != "train" and binner.kind == "categorical"
        },
        drift={split: index for split, (index, _) in drift.items()},
        drift_by_chance={
            split: (groups - 1) * (1 / draws["train"] + 1 / draws[split]) for split, (_, groups) in drift.items()
        },
    )
