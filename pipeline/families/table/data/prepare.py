"""Turn raw files into the processed folder in two passes: count the values, then write codes and splits.

Memory grows with the number of distinct values, not with the number of rows.
"""

import os
import shutil
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from pipeline.data.reading import header
from pipeline.data.splits import DROPPED, SPLITS
from pipeline.families.table.data.audit import Audit, audit
from pipeline.families.table.data.counting import Counts, Index, counts
from pipeline.families.table.data.encoding import Encoder, fit_categorical, fit_numeric
from pipeline.families.table.data.holdout import HeldOut, Holdout, hold_out
from pipeline.families.table.data.layout import Layout, copy_side_tables
from pipeline.families.table.data.rows import RawRows
from pipeline.families.table.data.schema import Categorical, Numeric, Schema
from pipeline.families.table.data.store import ArrayWriter
from pipeline.families.table.data.tables import Table
from pipeline.families.table.data.targets import Target, answers_of, refuse_lost_classes
from pipeline.storage import sealed_folder, write_json

BLOCK_ROWS = 16_384
"""Number of rows encoded at a time; their codes fit into the processor's cache."""
ENCODERS = min(os.cpu_count() or 1, 8)
"""Number of blocks encoded at once."""


def prepare(
    folder: Path,
    out: Path,
    *,
    task: str,
    layout: Layout,
    target: Target,
    min_count: int,
    holdout: Holdout,
    prepared: dict[str, Any],
) -> tuple[Schema, Audit]:
    """Write arrays, `schema.json` and `example.json` to `out`; it appears whole or not at all.

    Args:
        folder: The folder of the raw files.
        out: The folder to write.
        task: Name of the family, which is stored in the schema; a saved network is read by it.
        layout: Files and columns.
        target: The target to predict.
        min_count: Smallest number of training rows of a known category; rarer ones become unknown.
        holdout: How rows are held out.
        prepared: The data settings, which are stored in the schema.

    Returns:
        The schema and the audit of the columns and rows.

    Raises:
        DataError: The target has only one class, a split is empty, a column has no values, or a file is corrupt.
    """
    path = folder / layout.main
    table = Table(layout, folder, header(path, layout.format), path.as_posix(), labelled=True)
    with sealed_folder(out) as scratch:
        raw = RawRows(path, table, scratch / ".columns")
        answers = answers_of(raw, target)
        known = np.isfinite(answers.values)
        held = hold_out(raw, known, holdout)
        group, split = held.group, held.split
        for number in range(holdout.folds):
            fold = number + 1 if holdout.folds > 1 else 0
            refuse_lost_classes(answers, held.with_fold(number), fold, target.column, path)
        # With several folds, each row is a training row of some network.
        learned = split == SPLITS.index("train") if holdout.folds == 1 else held.fold != DROPPED
        categorical, numeric = _fitted(raw, learned, min_count)
        amounts = answers.values[learned] if not answers.classes else np.zeros(1)
        groups = [counts(group[split == i], int(group.max()) + 1) for i in range(len(SPLITS))]
        schema = Schema(
            task=task,
            kind=answers.kind,
            target=target.column,
            classes=answers.classes,
            target_mean=float(amounts.mean(dtype=np.float64)),
            target_std=float(amounts.std(dtype=np.float64)) or 1.0,
            categorical=categorical,
            numeric=numeric,
            layout=layout,
            rows={name: int((split == i).sum()) for i, name in enumerate(SPLITS)},
            groups={name: int((rows > 0).sum()) for name, rows in zip(SPLITS, groups, strict=True)},
            held_out=held.words,
            dropped_without_target=int((~known).sum()),
            prepared=prepared,
        )
        _write_arrays(raw, table.encoder(categorical, numeric), schema, answers.values, held, scratch)
        schema.save(scratch)
        write_json(scratch / "example.json", raw.head)
        copy_side_tables(layout, folder, scratch)
        report = audit(raw, schema, answers, held, groups, holdout, scratch / ".unlabelled")
        for name in (".columns", ".unlabelled"):
            shutil.rmtree(scratch / name, ignore_errors=True)
    return schema, report


def _fitted(raw: RawRows, train: npt.NDArray[np.bool_], min_count: int) -> tuple[list[Categorical], list[Numeric]]:
    layout, table = raw.table.layout, raw.table
    uses: dict[str, Counts] = {
        key: raw.counts(key, train) for key in {table.owners.get(n) for n in layout.inputs} if key is not None
    }
    categorical = [
        fit_categorical(name, raw.values(name), uses[table.owners[name]], min_count) for name in layout.categorical
    ]
    numeric = [fit_numeric(name, *raw.amounts(name, train, uses), min_count=min_count) for name in layout.numeric]
    return categorical, numeric


def _write_arrays(
    raw: RawRows,
    encoder: Encoder,
    schema: Schema,
    target: npt.NDArray[np.float32],
    held: HeldOut,
    out: Path,
) -> None:
    split = held.split
    widths = {"categorical": (len(schema.categorical), "int32"), "numeric": (len(schema.numeric), "float32")}
    with ExitStack() as stack:
        writers = []
        for name, rows in schema.rows.items():
            (out / name).mkdir()
            chosen = split == SPLITS.index(name)
            columns = {"target": target[chosen], "group": held.group[chosen], "fold": held.fold[chosen]}
            for values, array in (columns | {"row": np.flatnonzero(chosen)}).items():
                np.save(out / name / f"{values}.npy", array, allow_pickle=False)
            writers.append(
                [
                    stack.enter_context(ArrayWriter(out / name / f"{array}.npy", (rows, width), dtype))
                    for array, (width, dtype) in widths.items()
                ]
            )

        def write(start: int, places: Index) -> None:
            count = min(BLOCK_ROWS, raw.rows - start)
            part = split[start : start + count]
            order = np.concatenate([np.flatnonzero(part == index) for index in range(len(SPLITS))])
            blocks = encoder(len(order), *raw.block(start, count, order))
            begin = 0
            for index, pair in enumerate(writers):
                end = begin + int((part == index).sum())
                for writer, block in zip(pair, blocks, strict=True):
                    writer.write(block[begin:end], int(places[index]))
                begin = end

        starts = range(0, raw.rows, BLOCK_ROWS)
        sizes = [np.bincount(split[start : start + BLOCK_ROWS] + 1, minlength=len(SPLITS) + 1)[1:] for start in starts]
        with ThreadPoolExecutor(ENCODERS) as pool:
            list(pool.map(write, starts, np.cumsum(sizes, axis=0) - sizes))
