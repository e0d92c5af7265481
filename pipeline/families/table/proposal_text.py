"""Texts of a proposal: the two configs, with the reasons as comments, and a table of the columns."""

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
"""Maximum number of characters to show of a column's examples."""
SMALL, MEDIUM = 5_000, 50_000
"""Numbers of rows below which batches are smaller and epochs more: a small table, too, needs a few hundred steps."""
MANY = 100
"""Number of categories of a column from which on target statistics are worth their cost."""
DATA = """\
# {name}: {file}, proposed by `python -m pipeline.new` from {rows} rows. The keys are explained in base/table.yaml.
source:
  name: own
  folder: {folder}
  files:                  # FILE: sha256 of its content, or null to accept any content
{files}
main_file: {file}
unlabelled: {unlabelled}
joins: []                 # side tables: {{file: FILE, key: [COLUMN, ...], prefix: PREFIX}}
{missing:<26}# texts that count as missing
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
# Predicts {target} of {file}; proposed by `python -m pipeline.new`.
defaults:
  - override /data: {name}
  - override /model: embedding_mlp

name: {name}
task: table
{model}{train}"""


@dataclass
class TableProfile:
    """What a sample says about a table.

    Attributes:
        guesses: The guessed kind of each column.
        rows: Number of rows in the sample.
        target: The column to predict.
        kind: The kind of the target: binary, multiclass or regression.
        id: The column that identifies a row.
        group: The column whose rows are held out together.
        folds: Number of folds to train on.
        leaks: Columns that determine the target.
        warnings: Leaks and groups that the audit found.
        note: Why the audit failed, if it did.
    """

    guesses: list[Guess]
    rows: int
    target: str
    kind: str
    id: str | None = None
    group: str | None = None
    folds: int = 1
    leaks: list[str] = field(default_factory=list)
    warnings: list[Finding] = field(default_factory=list)
    note: str = ""

    @property
    def names(self) -> list[str]:
        """Names of all columns."""
        return [column.name for column in self.guesses]

    def features(self, kind: str) -> list[Guess]:
        """Return the columns of a kind that can be features."""
        excluded = {self.target, self.group, *self.drop}
        return [column for column in self.guesses if column.kind == kind and column.name not in excluded]

    @property
    def drop(self) -> list[str]:
        """Columns without information, and columns that determine the target."""
        kept = (self.target, self.id)
        useless = [column.name for column in self.guesses if is_useless(column) and column.name not in kept]
        return [*useless, *self.leaks]


def is_useless(column: Guess) -> bool:
    """Return whether a column holds no information: a different value in every row, one value in all rows, or none."""
    return column.kind in ("id", "empty") or (column.distinct == 1 and column.missing == 0)


def data_config(
    name: str, path: Path, folder: str, unlabelled: Path | None, profile: TableProfile, section: dict[str, Any]
) -> str:
    """Return the content of `conf/data/NAME.yaml`."""
    guesses = {column.name: column for column in profile.guesses}
    warnings = {warning.subject: warning for warning in profile.warnings}

    def listed(key: str, names: Sequence[str], comment: str) -> str:
        if not names:
            return f"{f'{key}: []':<26}# {comment}"
        return "\n".join([f"{f'{key}:':<26}# {comment}", *(_item(name, guesses, warnings) for name in names)])

    reasons = {column: _reason(guesses[column], profile) for column in profile.drop}
    drop = [f"{'drop:' if reasons else 'drop: []':<26}# columns that are not used as features"]
    drop += [f"{f'  - {_quoted(column)}':<26}# {reason}" for column, reason in reasons.items()]
    calendar = [
        f"  - {{name: {_quoted(entry['name'])}, columns: [{_quoted(entry['columns'][0])}], "
        f"parts: [{', '.join(entry['parts'])}]}}"
        for entry in section["calendar"]
    ]
    files = [path.name, *([unlabelled.name] if unlabelled else [])]
    return DATA.format(
        name=name,
        file=_quoted(path.name),
        rows=f"{profile.rows:,}",
        folder=_quoted(folder),
        files="\n".join(f"    {_quoted(file)}: null" for file in files),
        unlabelled=_quoted(unlabelled.name) if unlabelled else "null",
        target=_quoted(profile.target),
        kind=profile.kind,
        id=_quoted(profile.id) if profile.id else "null",
        drop="\n".join(drop),
        calendar="\n".join(["calendar:" if calendar else "calendar: []", *calendar]),
        categorical=listed("categorical", section["categorical"], "columns to embed"),
        numeric=listed("numeric", section["numeric"], "columns used as numbers"),
        split="\n".join(_split(profile)),
        missing=f"missing: {json.dumps(section['missing'])}",
        min_count=f"min_count: {section['min_count']}",
        folds="\n".join(_folds(profile)),
        **{key: section[key] for key in ("test_fraction", "validation_fraction", "split_seed")},
    )


def _split(profile: TableProfile) -> Iterator[str]:
    dates = [column.name for column in profile.features("date")]
    if profile.group:
        yield f"split: group              # rows of one {profile.group} mostly share one target: hold them out together"
        yield f"split_by: [{_quoted(profile.group)}]"
        return
    yield "split: random             # valid only if rows are independent; otherwise group, time or given"
    yield "split_by: []"
    if dates:
        yield f"# To predict the future from the past: split: time, split_by: [{_quoted(dates[0])}], folds: 1"


def _folds(profile: TableProfile) -> Iterator[str]:
    # Source of the numbers: docs/experiments.md, "Several networks for one".
    if profile.folds > 1:
        yield f"{f'folds: {profile.folds}':<26}# few rows, and scores on a tenth of them are noisy: five networks, each"
        yield f"{'':<26}# validated on a different fifth (validation_fraction is then not used);"
        yield f"{'':<26}# +.005 to +.02 AUC on few flights, at four times the work"
    else:
        yield "folds: 1                  # 5: five networks, each validated on a different fifth: four times the work"


def _item(name: str, guesses: dict[str, Guess], warnings: dict[str, Finding]) -> str:
    comment = _examples(guesses[name]) if name in guesses else "derived from a date"
    if name in warnings:
        comment += {
            "leak": "; LEAK? it predicts the target almost on its own",
            "group": "; GROUP? see reports/audit.md",
        }[warnings[name].kind]
    return f"{f'  - {_quoted(name)}':<26}# {comment}"


def _reason(column: Guess, profile: TableProfile) -> str:
    if column.name in profile.leaks:
        return f"LEAK? determines {profile.target}; remove it from this list if it is known beforehand"
    if column.kind == "id":
        return "a different value in every row"
    return f"always {_shortened(column.examples[0])}" if column.examples else "no value"


def experiment_config(name: str, path: Path, profile: TableProfile, rows: int) -> str:
    """Return the content of `conf/experiment/NAME.yaml` for a table of `rows` rows."""
    train = "train: {batch_size: 64, epochs: 60, patience: 8}   # a small table: small batches, many epochs\n"
    if rows >= SMALL:
        train = "train: {batch_size: 256, epochs: 20, patience: 4}\n"
    if rows >= MEDIUM:
        train = ""
    model = ""
    widest = max(profile.features("categorical"), key=lambda column: column.distinct, default=None)
    if widest is not None and widest.distinct >= MANY:
        # docs/experiments.md, "Many categories": +.008 AUC on a table of ids; no difference beyond chance on flights.
        model = (
            f"# {widest.name} has {widest.distinct:,} values in the sample: target statistics per category\n"
            "# are further inputs.\nmodel: {target_statistics: true}\n"
        )
    return EXPERIMENT.format(name=name, file=path.name, target=profile.target, model=model, train=train)


def hint_of(column: Guess) -> str:
    """Return a remark on a column whose kind may be guessed wrong; empty if there is none."""
    first = column.examples[0] if column.examples else ""
    if column.kind in ("categorical", "id") and re.fullmatch(r"\d{1,2}[./]\d{1,2}[./]\d{2,4}.*", first):
        return "a date? expected 2013-12-31"
    if column.kind in ("categorical", "id") and re.fullmatch(r"-?\d{1,3}(,\d{3})+(\.\d+)?", first):
        return "a number? expected 1234"
    if column.kind == "categorical" and column.distinct > column.rows / 2:
        return "mostly rare values: little to learn"
    return ""


def table_of_columns(guesses: list[Guess], remarks: dict[str, str]) -> str:
    """Return a text table with one line per column."""
    head = ("column", "kind", "different", "missing", "examples", "remark")
    rows = [
        (
            column.name,
            column.kind,
            f"{column.distinct:,}",
            f"{column.missing / column.rows:.1%}",
            _examples(column),
            remarks.get(column.name, ""),
        )
        for column in guesses
    ]
    widths = [max(len(row[i]) for row in [head, *rows]) for i in range(len(head))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in [head, *rows]]
    return "\n".join(line.rstrip() for line in lines)


def _examples(column: Guess) -> str:
    text = ", ".join(_shortened(example) for example in column.examples)
    return text if len(text) <= SHOWN else f"{text[: SHOWN - 1]}…"


def _shortened(text: str) -> str:
    return " ".join(text.split())[:SHOWN]


def _quoted(text: str) -> str:
    return yaml.safe_dump(text, allow_unicode=True, width=10**6).removesuffix("\n...\n").rstrip("\n")
