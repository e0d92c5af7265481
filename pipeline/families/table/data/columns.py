"""From the data section to files and columns: what the section leaves open is guessed from a sample, and said."""

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from pipeline.config import no_such
from pipeline.data import DataError, header, sample
from pipeline.families.table.data.audit import Audit
from pipeline.families.table.data.guessing import Guess, guess
from pipeline.families.table.data.holdout import Holdout
from pipeline.families.table.data.layout import Derived, Layout, Side
from pipeline.families.table.data.prepare import prepare
from pipeline.families.table.data.schema import Schema
from pipeline.families.table.data.targets import Target
from pipeline.families.table.settings import TableData

CATEGORICAL_PARTS, NUMERIC_PARTS = ("month", "weekday"), ("day_of_year", "days")
"""Calendar features of a date that was found, not listed; with hours, `hour` too."""


def layout_of(data: TableData, folder: Path) -> tuple[Layout, Target]:
    """Return files, columns and the kind of the target.

    Args:
        data: The section.
        folder: Of the raw files; read only where something is to be guessed.

    Raises:
        DataError: A column of the section that no file has; no feature is left.
    """
    derived = [Derived(each.name, each.columns, each.parts) for each in data.calendar]
    dropped = {*data.drop} | {name for each in derived if {*data.drop} & {*each.columns} for name in each.produced}
    categorical = [name for name in data.categorical if name not in dropped]
    numeric = [name for name in data.numeric if name not in dropped]
    target = Target(data.target, data.problem_type, data.positive_at_least)
    if data.columns == "infer" or (data.problem_type == "auto" and data.positive_at_least is None):
        guesses = guesses_of(data, folder)
        target = Target(data.target, _kind(data, guesses), data.positive_at_least)
        if data.columns == "infer":
            for each in _open_columns(data, guesses):
                _place(each, {*guesses}, categorical, numeric, derived)
    elif data.drop:
        sides = [join.prefix + name for join in data.joins for name in header(folder / join.file)]
        known = [*header(folder / data.main_file), *sides, *(name for each in derived for name in each.produced)]
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
        missing=data.missing,
        id=data.id,
        unlabelled=data.unlabelled,
    )
    return layout, target


def prepare_section(data: TableData, folder: Path, out: Path, task: str) -> tuple[Schema, Audit]:
    """Prepare what a data section describes; the arguments are those of `prepare`."""
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
    """Look at a sample of each file; columns of side tables are prefixed, their keys left out.

    Raises:
        DataError: The section names a column that no file has.
    """
    rows = sample(folder / data.main_file, data.missing)
    found = {name: guess(name, rows[name]) for name in rows.column_names}
    for join in data.joins:
        side = sample(folder / join.file, data.missing)
        names = [name for name in side.column_names if name not in join.key]
        found |= {join.prefix + name: guess(join.prefix + name, side[name]) for name in names}
    produced = {name for each in data.calendar for name in Derived(each.name, each.columns, each.parts).produced}
    named = {data.target, *data.drop, *data.categorical, *data.numeric, *([data.id] if data.id else [])}
    absent = sorted(named - produced - set(found))
    if absent:
        raise DataError(f"{data.main_file} in {folder}: no column {no_such(absent, found)}")
    return found


def _kind(data: TableData, guesses: dict[str, Guess]) -> str:
    if data.problem_type != "auto" or data.positive_at_least is not None:
        return data.problem_type
    return "regression" if guesses[data.target].is_amount else "auto"


def _open_columns(data: TableData, guesses: dict[str, Guess]) -> list[Guess]:
    settled = {data.target, data.id, *data.drop, *data.categorical, *data.numeric}
    settled |= {column for each in data.calendar for column in each.columns}
    # A column that names groups is on one side only: the others would not know a single value of it.
    held = set(data.split_by) if data.split in ("group", "given") else set()
    return [each for name, each in guesses.items() if name not in settled | held]


@dataclass(frozen=True)
class FoundDate:
    """What a date that was found gives: calendar columns, some to embed, some as numbers."""

    derived: Derived
    categorical: list[str]
    numeric: list[str]


def calendar_of(each: Guess, taken: Collection[str]) -> FoundDate:
    """Return the calendar columns of a date.

    Args:
        each: The date.
        taken: Names of columns, which the new ones must not have.
    """
    embedded = [*CATEGORICAL_PARTS, *(["hour"] if each.has_hours else [])]
    derived = Derived(each.name, [each.name], [*embedded, *NUMERIC_PARTS])
    while {*derived.produced} & {*taken}:
        derived = Derived(f"{derived.name}_", derived.columns, derived.parts)
    names = [[f"{derived.name}_{part}" for part in parts] for parts in (embedded, NUMERIC_PARTS)]
    return FoundDate(derived, *names)


def _place(
    each: Guess, taken: Collection[str], categorical: list[str], numeric: list[str], derived: list[Derived]
) -> None:
    if each.kind == "date":
        found = calendar_of(each, taken)
        derived.append(found.derived)
        categorical += found.categorical
        numeric += found.numeric
    elif each.kind == "categorical":
        categorical.append(each.name)
    elif each.kind == "numeric":
        numeric.append(each.name)
    else:
        reason = "a different value in every row" if each.kind == "id" else "no value"
        print(f"preprocess: column {each.name!r} left out: {reason} in the sample (data.drop says so for good)")
