"""From an assembled table to the processed folder: target, splits, vocabularies, codes."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.data.arrays import Arrays
from pipeline.data.encoding import encode_categorical, encode_numeric, fit_categorical, fit_numeric
from pipeline.data.errors import DataError
from pipeline.data.joins import key_of
from pipeline.data.schema import Schema
from pipeline.data.splits import SPLITS, split_groups
from pipeline.storage import new_folder, write_json

EXAMPLES = 5
"""Raw training rows kept beside the arrays, as an example of what the network takes."""


@dataclass(frozen=True)
class Target:
    """A yes-or-no question of a column: `column >= at_least`, or the larger of its two values."""

    column: str
    at_least: float | None


@dataclass(frozen=True)
class Holdout:
    """Shares of the groups that are held out; groups are named by `by`, or are single rows where it is empty."""

    by: Sequence[str]
    test: float
    validation: float
    seed: int


def prepare(
    table: pa.Table,
    out: Path,
    *,
    task: str,
    target: Target,
    categorical: Sequence[str],
    numeric: Sequence[str],
    min_count: int,
    holdout: Holdout,
    raw: Sequence[str],
    prepared: dict[str, Any],
) -> Schema:
    """Write arrays, `schema.json` and `example.json` to `out`; it appears whole or not at all.

    Args:
        table: Every column that is named below.
        out: The folder to write.
        task: The family, kept in the schema: a saved network is read by it.
        target: What to predict.
        categorical: Columns to encode as codes.
        numeric: Columns to standardise.
        min_count: Categories seen less often in training become unknown.
        holdout: Who is held out.
        raw: Columns that a prediction must be given.
        prepared: The settings behind all this, kept in the schema.

    Raises:
        DataError: A target with one class only, an empty split, a column without values.
    """
    with_target = table.filter(pc.is_valid(table[target.column]))
    if with_target.num_rows == 0:
        raise DataError(f"column {target.column!r}: no row has a value; there is nothing to learn")
    labels, classes = _labels(with_target[target.column], target)
    group, count = _groups(with_target, holdout.by)
    split = split_groups(count, holdout.test, holdout.validation, holdout.seed)[group]
    _refuse_single_class(labels, split, target.column, classes)
    train = split == SPLITS.index("train")
    schema = Schema(
        task=task,
        target=target.column,
        classes=classes,
        categorical=[fit_categorical(name, with_target[name], train, min_count) for name in categorical],
        numeric=[fit_numeric(name, with_target[name], train) for name in numeric],
        rows={name: int((split == i).sum()) for i, name in enumerate(SPLITS)},
        groups={name: len(np.unique(group[split == i])) for i, name in enumerate(SPLITS)},
        dropped_without_target=table.num_rows - with_target.num_rows,
        prepared=prepared,
    )
    codes, numbers = encode_categorical(with_target, schema.categorical), encode_numeric(with_target, schema.numeric)
    with new_folder(out) as scratch:
        for index, name in enumerate(SPLITS):
            rows = split == index
            Arrays(codes[rows], numbers[rows], labels[rows], group[rows]).save(scratch / name)
        schema.save(scratch)
        examples = with_target.filter(pa.array(train)).slice(0, EXAMPLES).select(list(raw))
        write_json(scratch / "example.json", examples.to_pylist())
    return schema


def _labels(column: pa.ChunkedArray, target: Target) -> tuple[npt.NDArray[np.float32], list[str]]:
    if target.at_least is not None:
        values = column.cast(pa.float64())
        labels = pc.greater_equal(values, target.at_least)
        classes = [f"< {target.at_least:g}", f">= {target.at_least:g}"]
    else:
        found = pc.unique(column.cast(pa.string())).sort()
        classes = [str(value) for value in found.to_pylist()]
        if len(classes) != 2:
            shown = ", ".join(classes[:8])
            raise DataError(
                f"column {target.column!r}: expected two classes, received {len(classes)} ({shown}). "
                "Name another column in data.target, or a threshold in data.target_at_least."
            )
        labels = pc.equal(column.cast(pa.string()), classes[1])
    return labels.to_numpy().astype(np.float32), classes


def _groups(table: pa.Table, by: Sequence[str]) -> tuple[npt.NDArray[np.int32], int]:
    if not by:
        return np.arange(table.num_rows, dtype=np.int32), table.num_rows
    keys = pc.fill_null(key_of(table, by), "")
    # Numbered in sorted order: the draw must not hang on the order of the rows.
    names = pc.unique(keys).sort()
    return pc.index_in(keys, value_set=names).to_numpy().astype(np.int32), len(names)


def _refuse_single_class(
    labels: npt.NDArray[np.float32], split: npt.NDArray[np.int8], column: str, classes: list[str]
) -> None:
    for index, name in enumerate(SPLITS):
        mean = float(labels[split == index].mean())
        if mean in (0.0, 1.0):
            raise DataError(
                f"column {column!r}: all {name} rows are of one class ({classes[int(mean)]}); "
                "a score needs both. Check data.target, data.target_at_least, data.split_seed and the fractions."
            )
