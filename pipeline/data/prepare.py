"""From raw files to the processed folder, in two passes: what is there, then codes and splits. Memory stays flat."""

import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.data.encoding import Encoder, Floats, fit_categorical, fit_numeric, floats
from pipeline.data.errors import DataError
from pipeline.data.layout import Layout
from pipeline.data.parts import MISSING, Index
from pipeline.data.reading import header
from pipeline.data.schema import Categorical, Schema
from pipeline.data.splits import SPLITS, Splits, split_given, split_groups, split_times
from pipeline.data.store import ArrayWriter, Column
from pipeline.data.tables import Table, stream
from pipeline.storage import new_folder, write_json

EXAMPLES = 5
"""Raw rows kept beside the arrays, as an example of what the network takes."""
BLOCK_ROWS = 16_384
"""Rows encoded at a time: their codes stay in the processor's cache."""
COUNTED_ROWS = 2**20
DROPPED = -1


@dataclass(frozen=True)
class Target:
    """What to predict: `binary`, `multiclass` or `regression`, or `auto` for one of the first two.

    With `at_least` the question is `column >= at_least`.
    """

    column: str
    kind: str
    at_least: float | None


@dataclass(frozen=True)
class Holdout:
    """How rows are held out: `group`, `time`, `given` or `random`; `by` names the columns."""

    method: str
    by: Sequence[str]
    test: float
    validation: float
    seed: int


@dataclass(frozen=True)
class Answers:
    """Targets of all rows, NaN where there is none."""

    kind: str
    classes: list[str]
    values: npt.NDArray[np.float32]


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
) -> Schema:
    """Write arrays, `schema.json` and `example.json` to `out`; it appears whole or not at all.

    Args:
        folder: Of the raw files.
        out: The folder to write.
        task: The family, kept in the schema: a saved network is read by it.
        layout: Files and columns.
        target: What to predict.
        min_count: Categories seen less often in training become unknown.
        holdout: Who is held out.
        prepared: The settings behind all this, kept in the schema.

    Raises:
        DataError: A target with one class only, an empty split, a column without values, a damaged file.
    """
    path = folder / layout.main
    with _in_files(folder, layout):
        table = Table(layout, folder, header(path), labelled=True)
    with new_folder(out) as scratch:
        raw = RawRows(path, table, scratch / ".columns")
        answers = _answers(raw, target)
        known = np.isfinite(answers.values)
        if not known.any():
            raise DataError(f"column {target.column!r}: no row has a value; there is nothing to learn")
        group, split, held_out = _split(raw, known, holdout)
        _refuse_lost_classes(answers, split, target.column, path)
        train = split == SPLITS.index("train")
        categorical = _vocabularies(raw, layout.categorical, train, min_count)
        numeric = [fit_numeric(name, raw.floats(name)[train]) for name in layout.numeric]
        amounts = answers.values[train].astype(np.float64)
        schema = Schema(
            task=task,
            kind=answers.kind,
            target=target.column,
            classes=answers.classes,
            target_mean=float(amounts.mean()),
            target_std=float(amounts.std()) or 1.0,
            categorical=categorical,
            numeric=numeric,
            layout=layout,
            rows={name: int((split == i).sum()) for i, name in enumerate(SPLITS)},
            groups={name: _compact(group[split == i])[1] for i, name in enumerate(SPLITS)},
            held_out=held_out,
            dropped_without_target=int((~known).sum()),
            prepared=prepared,
        )
        _write_arrays(raw, table.encoder(categorical, numeric), schema, answers.values, group, split, scratch)
        schema.save(scratch)
        write_json(scratch / "example.json", raw.head)
        shutil.rmtree(scratch / ".columns")
    return schema


class RawRows:
    """All rows of the main file on disk: an index into each part, and the plain numbers."""

    def __init__(self, path: Path, table: Table, folder: Path) -> None:
        folder.mkdir()
        self.table = table
        self.indices = {key: Column(folder / f"{i}.index", "int32") for i, key in enumerate(table.parts)}
        self.numbers = {name: Column(folder / f"{i}.number", "float64") for i, name in enumerate(table.numbers)}
        self.rows = 0
        self.head: list[dict[str, Any]] = []
        for batch, indices, numbers in stream(path, table):
            if not self.head:
                self.head = _rows(batch.slice(0, EXAMPLES), indices, table)
            for key, index in indices.items():
                self.indices[key].append(index)
            for name, values in numbers.items():
                self.numbers[name].append(values)
            self.rows += batch.num_rows

    def texts(self, name: str) -> tuple[list[str], Index]:
        """Return the distinct texts of a column, sorted, and each row's place among them; -1 where it has none."""
        if name in self.numbers:
            values = pa.array(self.numbers[name].read(), from_pandas=True)
            encoded = values.cast(pa.string()).dictionary_encode()
            lookup, rows = encoded.indices, np.arange(self.rows)
        else:
            key = self.table.owners[name]
            encoded = self.table.parts[key].values(name).cast(pa.string()).dictionary_encode()
            lookup, rows = encoded.indices, self.indices[key].read()
        texts = encoded.dictionary
        rank = np.append(np.argsort(pc.sort_indices(texts).to_numpy()), MISSING).astype(np.int32)
        places = np.append(pc.fill_null(lookup, len(texts)).to_numpy(zero_copy_only=False), len(texts))
        # First value → rank, then row → rank: one array as long as the table instead of two.
        return texts.sort().to_pylist(), rank[places][rows]

    def floats(self, name: str) -> Floats:
        """Return a column as numbers, NaN where missing."""
        if name in self.numbers:
            return self.numbers[name].read()
        key = self.table.owners[name]
        values = floats(self.table.parts[key].values(name), name)
        found: Floats = np.append(values, np.nan)[self.indices[key].read()]
        return found


@contextmanager
def _in_files(folder: Path, layout: Layout) -> Iterator[None]:
    """Name the files that a missing column was looked for in."""
    try:
        yield
    except DataError as error:
        if not str(error).startswith("no column"):
            raise
        files = ", ".join([layout.main, *(side.file for side in layout.sides)])
        raise DataError(f"{files} in {folder}: {error}") from None


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
    if all(_is_number(name) for name in classes):
        order = np.argsort([float(name) for name in classes], kind="stable")
        classes, places = [classes[i] for i in order], np.append(np.argsort(order), MISSING)[places]
    if target.kind == "binary" and len(classes) != 2:
        raise DataError(
            f"column {target.column!r}: expected two classes, received {len(classes)} ({', '.join(classes[:8])}). "
            "Set data.kind=multiclass, or name a threshold in data.target_at_least."
        )
    kind = "binary" if len(classes) == 2 and target.kind != "multiclass" else "multiclass"
    values = places.astype(np.float32)
    values[places == MISSING] = np.nan
    return Answers(kind, classes, values)


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _split(raw: RawRows, known: npt.NDArray[np.bool_], holdout: Holdout) -> tuple[Index, Splits, str]:
    """Return each row's group and split (`DROPPED` for rows without a target), and how they were chosen."""
    by = ", ".join(holdout.by)
    group = np.full(raw.rows, MISSING, dtype=np.int32)
    split = np.full(raw.rows, DROPPED, dtype=np.int8)
    if holdout.method == "random":
        count = int(known.sum())
        group[known] = np.arange(count, dtype=np.int32)
        split[known] = split_groups(count, holdout.test, holdout.validation, holdout.seed)
        return group, split, "rows at random"
    texts, places = _groups(raw, holdout.by)
    group[known], count = _compact(places[known])
    if holdout.method == "group":
        drawn = split_groups(count, holdout.test, holdout.validation, holdout.seed)
        words = f"{int((drawn == SPLITS.index('test')).sum()):,} of {count:,} groups ({by})"
    else:
        if (places[known] == MISSING).any():
            raise DataError(
                f"column {by!r}: {int((places[known] == MISSING).sum())} rows have no value; "
                f"split={holdout.method} needs one in every row"
            )
        present = [texts[i] for i in np.unique(places[known])]
        if holdout.method == "given":
            drawn, words = split_given(present, by), f"as the column {by} says"
        else:
            order = _order_of_time(present)
            drawn = np.empty(count, dtype=np.int8)
            drawn[order] = split_times(np.bincount(group[known])[order], holdout.test, holdout.validation)
            words = f"{by} from {next(present[i] for i in order if drawn[i] == SPLITS.index('test'))} on"
    split[known] = drawn[group[known]]
    return group, split, words


def _order_of_time(texts: list[str]) -> Index:
    keys: list[Any] = [float(text) for text in texts] if all(_is_number(text) for text in texts) else texts
    return np.array(sorted(range(len(texts)), key=keys.__getitem__), dtype=np.int32)


def _groups(raw: RawRows, by: Sequence[str]) -> tuple[list[str], npt.NDArray[Any]]:
    # Numbered in sorted order: the draw must not hang on the order of the rows. A row without a value: one group more.
    texts, places = raw.texts(by[0])
    for name in by[1:]:
        others, more = raw.texts(name)
        places = np.where((places < 0) | (more < 0), MISSING, places.astype(np.int64) * len(others) + more)
    return texts, places


def _compact(places: npt.NDArray[Any]) -> tuple[Index, int]:
    """Number the places that occur, in their order; return the numbers and how many there are."""
    if int(places.max()) > 4 * len(places):
        names, numbers = np.unique(places, return_inverse=True)
        return numbers.astype(np.int32), len(names)
    # Counted, not sorted: several times as fast, as long as there is not much room between them.
    occurs = _counts(places, int(places.max()) + 1) > 0
    occurs = np.append(occurs, (places == MISSING).any())  # at the end, where an index of -1 finds it
    numbers = np.cumsum(np.roll(occurs, 1)) - 1
    return np.roll(numbers, -1).astype(np.int32)[places], int(occurs.sum())


def _counts(indices: npt.NDArray[Any], size: int) -> npt.NDArray[np.int64]:
    """Count each index, missing ones left out; in parts, for NumPy counts a copy of twice the width."""
    total = np.zeros(size + 1, dtype=np.int64)
    for start in range(0, len(indices), COUNTED_ROWS):
        total += np.bincount(indices[start : start + COUNTED_ROWS] + 1, minlength=size + 1)
    return total[1:]


def _refuse_lost_classes(answers: Answers, split: Splits, column: str, path: Path) -> None:
    if answers.kind == "regression":
        return
    trained = _counts(answers.values[split == SPLITS.index("train")].astype(np.int32), len(answers.classes))
    for index, name in enumerate(SPLITS):
        found = _counts(answers.values[split == index].astype(np.int32), len(answers.classes))
        if (found > 0).sum() == 1:
            raise DataError(
                f"column {column!r}: all {name} rows are of one class ({answers.classes[int(found.argmax())]}); "
                "a score needs several. Check data.target, data.target_at_least, data.split_seed and the fractions."
            )
        lost = np.flatnonzero((found > 0) & (trained == 0))
        if lost.size:
            row = int(np.flatnonzero((split == index) & (answers.values == lost[0]))[0])
            raise DataError(
                f"{path}: line {row + 2}: column {column!r}: {answers.classes[lost[0]]!r} is a class "
                f"of the {name} rows that no training row has ({len(lost)} such). "
                "Merge rare classes, or split otherwise (data.split)."
            )


def _vocabularies(
    raw: RawRows, names: Sequence[str], train: npt.NDArray[np.bool_], min_count: int
) -> list[Categorical]:
    uses: dict[str, npt.NDArray[np.int64]] = {}
    found = []
    for name in names:
        key = raw.table.owners[name]
        values = raw.table.parts[key].values(name)
        if key not in uses:
            uses[key] = _counts(raw.indices[key].read()[train], len(values))
        found.append(fit_categorical(name, values, uses[key], min_count))
    return found


def _write_arrays(
    raw: RawRows,
    encoder: Encoder,
    schema: Schema,
    target: npt.NDArray[np.float32],
    group: Index,
    split: Splits,
    out: Path,
) -> None:
    shapes = {"categorical": len(schema.categorical), "numeric": len(schema.numeric)}
    with ExitStack() as stack:
        writers = []
        for name, rows in schema.rows.items():
            (out / name).mkdir()
            for values, array in (("target", target), ("group", group)):
                np.save(out / name / f"{values}.npy", array[split == SPLITS.index(name)], allow_pickle=False)
            writers.append(
                [
                    stack.enter_context(ArrayWriter(out / name / f"{array}.npy", (rows, width), dtype))
                    for (array, width), dtype in zip(shapes.items(), ("int32", "float32"), strict=True)
                ]
            )
        for start in range(0, raw.rows, BLOCK_ROWS):
            count = min(BLOCK_ROWS, raw.rows - start)
            indices = {key: column.read(start, count) for key, column in raw.indices.items()}
            numbers = {name: column.read(start, count) for name, column in raw.numbers.items()}
            blocks = encoder(count, indices, numbers)
            part = split[start : start + count]
            for index, pair in enumerate(writers):
                rows = part == index
                for writer, block in zip(pair, blocks, strict=True):
                    writer.write(block[rows])


def _rows(batch: pa.Table, indices: Mapping[str, Index], table: Table) -> list[dict[str, Any]]:
    """Return rows as a prediction takes them, joined columns included."""
    columns = {}
    for name in table.features:
        if name in batch.column_names:
            columns[name] = batch[name].to_pylist()
        else:
            values, places = table.parts[table.owners[name]].values(name), indices[table.owners[name]][: batch.num_rows]
            columns[name] = [None if i == MISSING else values[int(i)].as_py() for i in places]
    return [dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)]
