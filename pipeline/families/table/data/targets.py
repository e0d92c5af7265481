"""Define the target and read its value for each row."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from pipeline.data.errors import DataError
from pipeline.data.reading import is_number
from pipeline.data.splits import SPLITS, Splits
from pipeline.families.table.data.counting import MISSING, Counts, parts
from pipeline.families.table.data.rows import RawRows


@dataclass(frozen=True)
class Target:
    """The target to predict: `binary`, `multiclass` or `regression`, or `auto` for one of the first two.

    With `at_least`, the target is whether `column >= at_least`.
    """

    column: str
    kind: str
    at_least: float | None


@dataclass(frozen=True)
class Answers:
    """Targets of all rows, NaN where missing."""

    kind: str
    classes: list[str]
    values: npt.NDArray[np.float32]


def answers_of(raw: RawRows, target: Target) -> Answers:
    """Read the target of each row.

    Raises:
        DataError: No row has a target, or all are of one class.
    """
    answers = _answers(raw, target)
    if not np.isfinite(answers.values).any():
        raise DataError(f"column {target.column!r}: no row has a value; there is nothing to learn")
    return answers


def refuse_lost_classes(answers: Answers, split: Splits, fold: int, column: str, path: Path) -> None:
    """Reject a split that has only one class, or a class that training lacks.

    Args:
        answers: Targets of all rows.
        split: Split of each row.
        fold: Number of the fold if there are several; otherwise 0.
        column: Name of the target column.
        path: Path of the file.

    Raises:
        DataError: A split has one class only, or a class that training lacks; the error names the class and, for the
            latter, the line of its first row.
    """
    if not answers.classes:
        return
    rows = class_counts(answers, split)
    names = ("train", f"fold {fold}", "test") if fold else SPLITS
    for index, (name, counted) in enumerate(zip(names, rows, strict=True)):
        if (counted > 0).sum() == 1:
            raise DataError(
                f"column {column!r}: all {name} rows are of one class ({answers.classes[int(counted.argmax())]}); "
                "a score needs several. Check data.target, data.positive_at_least, data.split_seed, data.folds and the "
                "fractions."
            )
        lost = np.flatnonzero((counted > 0) & (rows[0] == 0))
        if lost.size:
            row = int(np.flatnonzero((split == index) & (answers.values == lost[0]))[0])
            raise DataError(
                f"{path}: line {row + 2}: column {column!r}: {answers.classes[lost[0]]!r} is a class "
                f"of the {name} rows that no training row has ({len(lost)} such). "
                "Merge rare classes, or split differently (data.split, data.folds)."
            )


def class_counts(answers: Answers, split: Splits) -> Counts:
    """Count rows by split and class, shape (splits, classes)."""
    total = np.zeros((len(SPLITS), len(answers.classes)), dtype=np.int64)
    for part in parts(len(split)):
        for index, row in enumerate(total):
            row += np.bincount(answers.values[part][split[part] == index].astype(np.int32), minlength=len(row))
    return total


def _answers(raw: RawRows, target: Target) -> Answers:
    if target.at_least is not None:
        amounts = raw.floats(target.column)
        classes = [f"< {target.at_least:g}", f">= {target.at_least:g}"]
        return Answers("binary", classes, np.where(np.isnan(amounts), np.nan, amounts >= target.at_least).astype("f4"))
    if target.kind == "regression":
        return Answers("regression", [], raw.floats(target.column).astype(np.float32))
    classes, places = raw.texts(target.column)
    if len(classes) < 2:
        raise DataError(f"column {target.column!r}: expected at least two classes, received {classes or 'no value'}")
    if all(is_number(name) for name in classes):
        order = np.argsort([float(name) for name in classes], kind="stable")
        classes, places = [classes[i] for i in order], np.append(np.argsort(order), MISSING)[places]
    if target.kind == "binary" and len(classes) != 2:
        raise DataError(
            f"column {target.column!r}: expected two classes, received {len(classes)} ({', '.join(classes[:8])}). "
            "Set data.problem_type=multiclass, or name a threshold in data.positive_at_least."
        )
    kind = "binary" if len(classes) == 2 and target.kind != "multiclass" else "multiclass"
    values = places.astype(np.float32)
    values[places == MISSING] = np.nan
    return Answers(kind, classes, values)
