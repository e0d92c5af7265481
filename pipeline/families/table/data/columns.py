"""Derive files and columns from the data section; settings that it leaves open are inferred from a sample."""

from collections.abc import Collection
from dataclasses import dataclass, replace
from pathlib import Path

from pipeline.config import no_such
from pipeline.data import DataError, header, sample
from pipeline.data.file_format import FileFormat
from pipeline.families.table.data.audit import Audit
from pipeline.families.table.data.guessing import Guess, guess
from pipeline.families.table.data.holdout import Holdout
from pipeline.families.table.data.layout import Derived, Layout, Side
from pipeline.families.table.data.prepare import prepare
from pipeline.families.table.data.schema import Schema
from pipeline.families.table.data.targets import Target
from pipeline.families.table.settings import TableData

SAMPLED_CELLS = 500_000
"""Number of values from which kinds are guessed."""
CATEGORICAL_PARTS, NUMERIC_PARTS = ("month", "weekday"), ("day_of_year", "days")
"""Calendar features of an inferred date column; `hour` is added if the dates have a time of day."""


def format_of(data: TableData) -> FileFormat:
    """Return how the files are written."""
    return FileFormat(
        data.separator,
        data.decimal,
        data.encoding,
        data.header,
        data.skip_lines,
        data.missing,
        data.missing_numbers,
    )


def layout_of(data: TableData, folder: Path) -> tuple[Layout, Target]:
    """Return the layout (files and columns) and the target.

    Args:
        data: The data section.
        folder: The folder of the raw files, which are read only if something has to be inferred or checked.

    Raises:
        DataError: No file has a column that the section names, or no feature is left.
    """
    form = format_of(data)
    derived = [Derived(date.name, date.columns, date.parts, date.format) for date in data.calendar]
    dropped = {*data.drop} | {name for date in derived if {*data.drop} & {*date.columns} for name in date.produced}
    categorical = [name for name in data.categorical if name not in dropped]
    numeric = [name for name in data.numeric if name not in dropped]
    target = Target(data.target, data.problem_type, data.positive_at_least)
    if data.columns == "infer" or (data.problem_type == "auto" and data.positive_at_least is None):
        guesses = guesses_of(data, folder)
        target = Target(data.target, _kind(data, guesses), data.positive_at_least)
        if data.columns == "infer":
            for column in _open_columns(data, guesses):
                _place(column, {*guesses}, categorical, numeric, derived)
    elif data.drop:
        sides = [join.prefix + name for join in data.joins for name in header(folder / join.file, form)]
        known = [*header(folder / data.main_file, form), *sides, *(name for date in derived for name in date.produced)]
        if absent := [name for name in data.drop if name not in known]:
            raise DataError(f"data.drop: {data.main_file} in {folder}: no column {no_such(absent, known)}")
    if not categorical and not numeric:
        raise DataError("no column to learn from: every column is the target, an id, dropped or without values")
    is_amount = target.kind == "regression" or target.at_least is not None
    layout = Layout(
        main=data.main_file,
        sides=[Side(join.file, join.key, join.prefix) for join in data.joins],
        derived=derived,
        categorical=categorical,
        numeric=numeric,
        labels=[*data.split_by, *([] if is_amount else [data.target])],
        amounts=[data.target] if is_amount else [],
        format=form,
        id=data.id,
        unlabelled=data.unlabelled,
    )
    return layout, target


def prepare_section(data: TableData, folder: Path, out: Path, task: str) -> tuple[Schema, Audit]:
    """Prepare the data that a data section describes; see `prepare` for the arguments."""
    layout, target = layout_of(data, folder)
    return prepare(
        folder,
        out,
        task=task,
        layout=layout,
        target=target,
        min_count=data.min_count,
        holdout=Holdout(
            data.split, data.split_by, data.test_fraction, data.validation_fraction, data.split_seed, data.folds
        ),
        prepared=data.model_dump(mode="json"),
    )


def guesses_of(data: TableData, folder: Path) -> dict[str, Guess]:
    """Guess the columns of each file from a sample; columns of side tables are prefixed, and their keys left out.

    Raises:
        DataError: No file has a column that the section names.
    """
    form = format_of(data)
    rows, _ = sample(folder / data.main_file, form, SAMPLED_CELLS)
    guesses = {name: guess(name, rows[name], form) for name in rows.column_names}
    for join in data.joins:
        side, _ = sample(folder / join.file, form, SAMPLED_CELLS)
        names = [name for name in side.column_names if name not in join.key]
        guesses |= {join.prefix + name: guess(join.prefix + name, side[name], form) for name in names}
    produced = {name for date in data.calendar for name in Derived(date.name, date.columns, date.parts).produced}
    named = {data.target, *data.drop, *data.categorical, *data.numeric, *([data.id] if data.id else [])}
    absent = sorted(named - produced - set(guesses))
    if absent:
        raise DataError(f"{data.main_file} in {folder}: no column {no_such(absent, guesses)}")
    return guesses


def _kind(data: TableData, guesses: dict[str, Guess]) -> str:
    if data.problem_type != "auto" or data.positive_at_least is not None:
        return data.problem_type
    return "regression" if guesses[data.target].is_amount else "auto"


def _open_columns(data: TableData, guesses: dict[str, Guess]) -> list[Guess]:
    settled = {data.target, data.id, *data.drop, *data.categorical, *data.numeric}
    settled |= {column for date in data.calendar for column in date.columns}
    # A value of a column that names groups occurs in one split only: training would know none of the held-out values.
    held = set(data.split_by) if data.split in ("group", "given") else set()
    return [column for name, column in guesses.items() if name not in settled | held]


@dataclass(frozen=True)
class FoundDate:
    """The calendar columns of an inferred date: some to embed, some taken as numbers."""

    derived: Derived
    categorical: list[str]
    numeric: list[str]


def calendar_of(date: Guess, taken: Collection[str]) -> FoundDate:
    """Return the calendar columns of a date.

    Args:
        date: The date column.
        taken: Names of existing columns, which the new columns must not use.
    """
    embedded = [*CATEGORICAL_PARTS, *(["hour"] if date.has_hours else [])]
    derived = Derived(date.name, [date.name], [*embedded, *NUMERIC_PARTS], date.date_format)
    while {*derived.produced} & {*taken}:
        derived = replace(derived, name=f"{derived.name}_")
    names = [[f"{derived.name}_{part}" for part in parts] for parts in (embedded, NUMERIC_PARTS)]
    return FoundDate(derived, *names)


def _place(
    column: Guess, taken: Collection[str], categorical: list[str], numeric: list[str], derived: list[Derived]
) -> None:
    if column.kind == "date":
        date = calendar_of(column, taken)
        derived.append(date.derived)
        categorical += date.categorical
        numeric += date.numeric
    elif column.kind == "categorical":
        categorical.append(column.name)
    elif column.kind == "numeric":
        numeric.append(column.name)
    else:
        reason = {"id": "a different value in every row", "text": "mostly different texts"}.get(column.kind, "no value")
        print(f"preprocess: column {column.name!r} left out: {reason} in the sample (list it in data.drop to confirm)")
