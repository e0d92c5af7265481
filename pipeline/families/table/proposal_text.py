"""The text of a proposal: the two configs with their reasons as comments, and a table of the columns."""

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from pipeline.families.table.data.audit import Finding
from pipeline.families.table.data.guessing import Guess

SHOWN = 28
"""Letters of the examples of a column."""
SMALL, MEDIUM = 5_000, 50_000
"""Rows below which steps are smaller and epochs more: a small table is learnt in a few hundred steps, too."""
MANY = 100
"""Categories of a column that make statistics of the target worth their while."""
DATA = """\
# {name}: {file}, looked at by `python -m pipeline.new` ({seen} rows). The keys are explained in flights.yaml.
source:
  name: own
  folder: {folder}
  files:                  # FILE: sha256 of its content, or null to take it as it is
{files}
main_file: {file}
unlabelled: {unlabelled}
joins: []                 # side tables: {{file: FILE, key: [COLUMN, ...], prefix: PREFIX}}
{missing:<26}# texts that mean: no value
target: {target}
problem_type: {kind}
positive_at_least: null
id: {id}
columns: listed           # the columns below are the features, and no others
{drop}
{calendar}
{categorical}
{numeric}
{min_count:<26}# a category seen less often in the training rows is treated as unknown
{split}
test_fraction: {test_fraction}
validation_fraction: {validation_fraction}
{folds}
split_seed: {split_seed}
"""
EXPERIMENT = """\
# @package _global_
# {target} of {file}, by `python -m pipeline.new`.
defaults:
  - override /data: {name}
  - override /model: embedding_mlp

name: {name}
task: table
{model}{train}"""


@dataclass
class Looked:
    """A table under one's eyes.

    Attributes:
        guesses: What its columns seem to be.
        rows: How many were looked at.
        target: The column to predict.
        kind: Of the target.
        id: The column that names a row.
        group: The column whose rows are held out together.
        folds: Networks that learn from different parts.
        answers: Columns that are the answer, written otherwise.
        warnings: What else the audit says.
        note: Why it says nothing.
    """

    guesses: list[Guess]
    rows: int
    target: str
    kind: str
    id: str | None = None
    group: str | None = None
    folds: int = 1
    answers: list[str] = field(default_factory=list)
    warnings: list[Finding] = field(default_factory=list)
    note: str = ""

    @property
    def names(self) -> list[str]:
        """Of all columns."""
        return [each.name for each in self.guesses]

    def features(self, kind: str) -> list[Guess]:
        """Return the columns of a kind that a network may learn from."""
        taken = {self.target, self.group, *self.drop}
        return [each for each in self.guesses if each.kind == kind and each.name not in taken]

    @property
    def drop(self) -> list[str]:
        """Columns that tell nothing, and those that are the answer."""
        useless = [each.name for each in self.guesses if is_useless(each) and each.name not in (self.target, self.id)]
        return [*useless, *self.answers]


def is_useless(column: Guess) -> bool:
    """Say whether a column tells nothing: another value in every row, the same in all, or none."""
    return column.kind in ("id", "empty") or (column.distinct == 1 and column.missing == 0)


def data_config(
    name: str, path: Path, folder: str, unlabelled: Path | None, looked: Looked, section: dict[str, Any]
) -> str:
    """Write `conf/data/NAME.yaml`."""
    known = {each.name: each for each in looked.guesses}
    leaks = {each.subject: each for each in looked.warnings}

    def listed(key: str, names: Sequence[str], explained: str) -> str:
        if not names:
            return f"{f'{key}: []':<26}# {explained}"
        return "\n".join([f"{f'{key}:':<26}# {explained}", *(_item(each, known, leaks) for each in names)])

    dropped = {each: _why(known[each], looked) for each in looked.drop}
    drop = [f"{'drop:' if dropped else 'drop: []':<26}# left out: no features"]
    drop += [f"{f'  - {_quoted(each)}':<26}# {why}" for each, why in dropped.items()]
    calendar = [
        f"  - {{name: {_quoted(each['name'])}, columns: [{_quoted(each['columns'][0])}], "
        f"parts: [{', '.join(each['parts'])}]}}"
        for each in section["calendar"]
    ]
    files = [path.name, *([unlabelled.name] if unlabelled else [])]
    return DATA.format(
        name=name,
        file=_quoted(path.name),
        seen=f"{looked.rows:,}",
        folder=_quoted(folder),
        files="\n".join(f"    {_quoted(each)}: null" for each in files),
        unlabelled=_quoted(unlabelled.name) if unlabelled else "null",
        target=_quoted(looked.target),
        kind=looked.kind,
        id=_quoted(looked.id) if looked.id else "null",
        drop="\n".join(drop),
        calendar="\n".join(["calendar:" if calendar else "calendar: []", *calendar]),
        categorical=listed("categorical", section["categorical"], "columns to embed"),
        numeric=listed("numeric", section["numeric"], "columns taken as numbers"),
        split="\n".join(_split(looked)),
        missing=f"missing: {json.dumps(section['missing'])}",
        min_count=f"min_count: {section['min_count']}",
        folds="\n".join(_folds(looked)),
        **{key: section[key] for key in ("test_fraction", "validation_fraction", "split_seed")},
    )


def _split(looked: Looked) -> Iterator[str]:
    dates = [each.name for each in looked.features("date")]
    if looked.group:
        yield f"split: group              # all rows of a {looked.group} have one target, mostly: held out whole"
        yield f"split_by: [{_quoted(looked.group)}]"
        return
    yield "split: random             # honest only if rows are independent; else group, time or given"
    yield "split_by: []"
    if dates:
        yield f"# To predict the future from the past: split: time, split_by: [{_quoted(dates[0])}], folds: 1"


def _folds(looked: Looked) -> Iterator[str]:
    # docs/experiments.md, "Several networks for one".
    if looked.folds > 1:
        yield f"{f'folds: {looked.folds}':<26}# few rows, of which a tenth would decide by chance: five networks, each"
        yield f"{'':<26}# validated on another fifth (validation_fraction is not used then);"
        yield f"{'':<26}# on few flights +.005 to +.02 AUC, at four times the work"
    else:
        yield "folds: 1                  # 5: five networks, each validated on another fifth: four times the work"


def _item(name: str, known: dict[str, Guess], leaks: dict[str, Finding]) -> str:
    said = _examples(known[name]) if name in known else "of the calendar"
    if name in leaks:
        said += {"leak": "; LEAK? it tells the target almost alone", "group": "; GROUP? see reports/audit.md"}[
            leaks[name].kind
        ]
    return f"{f'  - {_quoted(name)}':<26}# {said}"


def _why(column: Guess, looked: Looked) -> str:
    if column.name in looked.answers:
        return f"LEAK? determines {looked.target}; take it out of here if it is known beforehand"
    if column.kind == "id":
        return "a different value in every row"
    return f"always {_shortened(column.examples[0])}" if column.examples else "no value"


def experiment_config(name: str, path: Path, looked: Looked, rows: int) -> str:
    """Write `conf/experiment/NAME.yaml`, for so many rows in all."""
    train = "train: {batch_size: 64, epochs: 60, patience: 8}   # a small table: small steps, many epochs\n"
    if rows >= SMALL:
        train = "train: {batch_size: 256, epochs: 20, patience: 4}\n"
    if rows >= MEDIUM:
        train = ""
    model = ""
    widest = max(looked.features("categorical"), key=lambda each: each.distinct, default=None)
    if widest is not None and widest.distinct >= MANY:
        # docs/experiments.md, "Many categories": +.008 AUC on a table of ids; on flights no difference beyond chance.
        model = (
            f"# {widest.name} has {widest.distinct:,} values in the sample: what the target was for each in training\n"
            "# is told as numbers besides.\nmodel: {target_statistics: true}\n"
        )
    return EXPERIMENT.format(name=name, file=path.name, target=looked.target, model=model, train=train)


def hint_of(column: Guess) -> str:
    """Say what a column may be that it was not taken for."""
    first = column.examples[0] if column.examples else ""
    if column.kind in ("categorical", "id") and re.fullmatch(r"\d{1,2}[./]\d{1,2}[./]\d{2,4}.*", first):
        return "a date? expected 2013-12-31"
    if column.kind in ("categorical", "id") and re.fullmatch(r"-?\d{1,3}(,\d{3})+(\.\d+)?", first):
        return "a number? expected 1234"
    if column.kind == "categorical" and column.distinct > column.rows / 2:
        return "mostly rare: little to learn"
    return ""


def table_of_columns(guesses: list[Guess], remarks: dict[str, str]) -> str:
    """Return a line a column."""
    head = ("column", "kind", "different", "missing", "examples", "remark")
    rows = [
        (
            each.name,
            each.kind,
            f"{each.distinct:,}",
            f"{each.missing / each.rows:.1%}",
            _examples(each),
            remarks.get(each.name, ""),
        )
        for each in guesses
    ]
    widths = [max(len(row[i]) for row in [head, *rows]) for i in range(len(head))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in [head, *rows]]
    return "\n".join(line.rstrip() for line in lines)


def _examples(column: Guess) -> str:
    text = ", ".join(_shortened(each) for each in column.examples)
    return text if len(text) <= SHOWN else f"{text[: SHOWN - 1]}…"


def _shortened(text: str) -> str:
    return " ".join(text.split())[:SHOWN]


def _quoted(text: str) -> str:
    return yaml.safe_dump(text, allow_unicode=True, width=10**6).removesuffix("\n...\n").rstrip("\n")
