"""Look at a table that nothing is known of, and propose the configuration that trains on it."""

import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import yaml

from pipeline.config import TableData
from pipeline.data import SAMPLE_BYTES, DataError, Guess, Holdout, guess, prepare, sample
from pipeline.data.audit import Finding, findings
from pipeline.tasks.table_columns import calendar_of, layout_of

MISSING = ["", "NA"]
SHOWN = 28
"""Letters of the examples of a column."""
SMALL, MEDIUM = 5_000, 50_000
"""Rows below which steps are smaller and epochs more: a small table is learnt in a few hundred steps, too."""
SAMPLED = "rows.parquet"
DATA = """\
# {name}: {file}, looked at by `python -m pipeline.new` ({seen} rows). The keys are explained in flights.yaml.
source:
  name: own
  folder: {folder}
  files:                  # FILE: sha256 of its content, or null to take it as it is
{files}
main: {file}
unlabelled: {unlabelled}
joins: []                 # side tables: {{file: FILE, key: [COLUMN, ...], prefix: PREFIX}}
missing: ["", "NA"]       # texts that mean: no value
target: {target}
kind: {kind}
target_at_least: null
id: {id}
columns: listed           # the columns below are the features, and no others
{drop}
{calendar}
{categorical}
{numeric}
min_count: 5              # a category seen less often in the training rows is treated as unknown
{split}
test_fraction: 0.2
validation_fraction: 0.1
split_seed: 1
"""
EXPERIMENT = """\
# @package _global_
# {target} of {file}, by `python -m pipeline.new`.
defaults:
  - override /data: {name}
  - override /model: embedding_mlp

name: {name}
task: table
{train}"""


@dataclass(frozen=True)
class Proposal:
    """What was seen, and the two files that train on it.

    Attributes:
        report: A table of the columns, and what to think of, for people.
        data: Of `conf/data/NAME.yaml`.
        experiment: Of `conf/experiment/NAME.yaml`.
    """

    report: str
    data: str
    experiment: str


@dataclass
class _Looked:
    """A table under one's eyes."""

    guesses: list[Guess]
    rows: int
    target: str
    kind: str
    id: str | None = None
    group: str | None = None
    warnings: list[Finding] = field(default_factory=list)
    note: str = ""

    def features(self, kind: str) -> list[Guess]:
        return [each for each in self.guesses if each.kind == kind and each.name not in (self.target, self.group)]

    @property
    def drop(self) -> list[Guess]:
        return [each for each in self.guesses if _useless(each) and each.name not in (self.target, self.id)]


@dataclass(frozen=True)
class Seen:
    """A file at first sight.

    Attributes:
        rows: A sample of it, or all, as text.
        guesses: What its columns seem to be.
        in_all: Rows of the whole file, about.
    """

    rows: pa.Table
    guesses: list[Guess]
    in_all: int

    @property
    def report(self) -> str:
        """The columns, for people."""
        return _report(self.guesses, {})


def look(path: Path, whole: bool) -> Seen:
    """Read a sample of a file, or all of it."""
    rows = sample(path, MISSING, whole=whole)
    guesses = [guess(name, rows[name]) for name in rows.column_names]
    blocks = 1 if whole else max(1, path.stat().st_size // SAMPLE_BYTES)
    return Seen(rows, guesses, len(rows) * blocks)


def propose(name: str, path: Path, target: str, folder: str, unlabelled: Path | None, seen: Seen) -> Proposal:
    """Write a configuration for a table.

    Args:
        name: Of the experiment.
        path: The table.
        target: Its column to predict.
        folder: Where the stages will find it.
        unlabelled: A table without the target.
        seen: What `look` saw.
    """
    rows, guesses = seen.rows, seen.guesses
    found = {each.name: each for each in guesses}
    looked = _Looked(guesses, len(rows), target, _kind(found[target]))
    ids = [each.name for each in guesses if each.kind == "id" and each.name != target]
    looked.id = next((each for each in ids if "id" in each.lower()), next(iter(ids), None))
    _audit(looked, rows)
    remarks = {target: f"target: {looked.kind}"}
    remarks |= {each.subject: each.kind for each in looked.warnings if each.subject in found}
    if looked.group:
        remarks[looked.group] = "group: held out whole"
    if looked.id:
        remarks[looked.id] = "id"
    report = _report(guesses, remarks)
    report += "".join(f"\n{each.kind}: {each.subject}: {each.text}" for each in looked.warnings) + looked.note
    return Proposal(
        report, _data(name, path, folder, unlabelled, looked), _experiment(name, path, looked.target, seen.in_all)
    )


def _kind(column: Guess) -> str:
    if column.distinct < 2:
        raise DataError(f"column {column.name!r}: {column.distinct} different values; there is nothing to predict")
    if column.kind in ("id", "date") and not column.is_amount:
        raise DataError(f"column {column.name!r}: looks like {column.kind}; name another with --target")
    if column.is_amount:
        return "regression"
    return "binary" if column.distinct == 2 else "multiclass"


def _useless(column: Guess) -> bool:
    return column.kind in ("id", "empty") or (column.distinct == 1 and column.missing == 0)


def _audit(looked: _Looked, rows: pa.Table) -> None:
    """Prepare the sample as the stages would, split at random, and keep what the audit says of it."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        pq.write_table(rows, folder / SAMPLED)
        data = TableData.model_validate(_section(looked))
        try:
            layout, target = layout_of(data, folder)
            _, audit = prepare(
                folder,
                folder / "processed",
                task="table",
                layout=layout,
                target=target,
                min_count=data.min_count,
                holdout=Holdout("random", [], data.test_fraction, data.validation_fraction, data.split_seed),
                prepared={},
            )
        except DataError as error:
            looked.note = f"\nleaks and groups were not looked for: {error}"
            return
    groups = {each.name: each for each in audit.columns}
    found = [each for each in findings(audit) if each.kind in ("leak", "group")]
    named = [each.subject for each in found if each.kind == "group"]
    # The finest: whoever shares it shares the coarser ones, mostly.
    looked.group = max(named, key=lambda each: groups[each].values, default=None)
    looked.warnings = [each for each in found if each.subject != looked.group]


def _section(looked: _Looked) -> dict[str, Any]:
    dates = [calendar_of(each) for each in looked.features("date")]
    useless = {each.name for each in looked.drop}
    return {
        "source": {"name": "own", "folder": "data/own", "files": {SAMPLED: None}},
        "main": SAMPLED,
        "unlabelled": None,
        "joins": [],
        "missing": MISSING,
        "target": looked.target,
        "kind": looked.kind,
        "target_at_least": None,
        "id": looked.id,
        "columns": "listed",
        "drop": [],
        "calendar": [
            {"name": each.derived.name, "columns": each.derived.columns, "parts": each.derived.parts} for each in dates
        ],
        "categorical": [each.name for each in looked.features("categorical") if each.name not in useless]
        + [name for each in dates for name in each.categorical],
        "numeric": [each.name for each in looked.features("numeric") if each.name not in useless]
        + [name for each in dates for name in each.numeric],
        "min_count": 5,
        "split": "random",
        "split_by": [],
        "test_fraction": 0.2,
        "validation_fraction": 0.1,
        "split_seed": 1,
    }


def _data(name: str, path: Path, folder: str, unlabelled: Path | None, looked: _Looked) -> str:
    section = _section(looked)
    known = {each.name: each for each in looked.guesses}
    leaks = {each.subject: each for each in looked.warnings}

    def listed(key: str, names: Sequence[str], explained: str) -> str:
        if not names:
            return f"{f'{key}: []':<26}# {explained}"
        return "\n".join([f"{f'{key}:':<26}# {explained}", *(_item(each, known, leaks) for each in names)])

    dropped = {each.name: _why(each) for each in looked.drop}
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
    )


def _split(looked: _Looked) -> Iterator[str]:
    dates = [each.name for each in looked.features("date")]
    if looked.group:
        yield f"split: group              # all rows of a {looked.group} have one target, mostly: held out whole"
        yield f"split_by: [{_quoted(looked.group)}]"
        return
    yield "split: random             # honest only if rows are independent; else group, time or given"
    yield "split_by: []"
    if dates:
        yield f"# To predict the future from the past: split: time, split_by: [{_quoted(dates[0])}]"


def _item(name: str, known: dict[str, Guess], leaks: dict[str, Finding]) -> str:
    said = _examples(known[name]) if name in known else "of the calendar"
    if name in leaks:
        said += {"leak": "; LEAK? it tells the target almost alone", "group": "; GROUP? see above"}[leaks[name].kind]
    return f"{f'  - {_quoted(name)}':<26}# {said}"


def _why(column: Guess) -> str:
    if column.kind == "id":
        return "a different value in every row"
    return f"always {_shortened(column.examples[0])}" if column.examples else "no value"


def _experiment(name: str, path: Path, target: str, rows: int) -> str:
    train = "train: {batch_size: 64, epochs: 60, patience: 8}   # a small table: small steps, many epochs\n"
    if rows >= SMALL:
        train = "train: {batch_size: 256, epochs: 20, patience: 4}\n"
    if rows >= MEDIUM:
        train = ""
    return EXPERIMENT.format(name=name, file=path.name, target=target, train=train)


def _report(guesses: list[Guess], remarks: dict[str, str]) -> str:
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
