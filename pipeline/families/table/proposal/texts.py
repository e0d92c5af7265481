"""Texts of a proposal: the two configs, with the reasons as comments, and a table of the columns."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from pipeline.data.cells import moment_of
from pipeline.families.table.data.audit import Finding
from pipeline.families.table.data.guessing import FEW, Guess
from pipeline.families.table.proposal.profile import TableProfile, folds_of
from pipeline.families.table.proposal.training import model_settings, train_settings

SHOWN = 28
"""Maximum number of characters to show of a column's examples."""
REASON = 120
"""Maximum number of characters to show of a reason."""
SHOWN_STRAYS = 5
"""Maximum number of texts among numbers to show."""
WIDTH = 25
"""Column at which comments begin, unless what is before them is longer."""
DATE = r"\d{1,4}[-./ ]\w{1,9}[-./ ]\d{1,4}|\w{3,9} \d{1,2},? \d{4}"
NUMBER = r"[(+-]?\d+[.,]?\d*( ?\D|$)"
"""Texts that may be dates, or numbers with marks that are not read."""
SECONDS = 1990, 2040
"""First and last year of numbers that may be seconds since 1970."""
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
{format}
target: {target}
problem_type: {kind}
positive_at_least: null
id: {id}
columns: listed           # the columns below are the features, and no others
{drop}
{calendar}
{categorical}
{numeric}
{min_count}
{split}
test_fraction: {test_fraction}
validation_fraction: {validation_fraction}
{folds}
{split_seed}
"""
EXPERIMENT = """\
# @package _global_
# Predicts {target} of {file}; proposed by `python -m pipeline.new{effort}`. conf/model/embedding_mlp.yaml and
# conf/train explain the keys.
defaults:
  - override /data: {name}
  - override /model: embedding_mlp

name: {name}
task: table
model:
{model}
train: {{{train}}}
"""


def data_config(name: str, folder: str, unlabelled: Path | None, profile: TableProfile, section: dict[str, Any]) -> str:
    """Return the content of `conf/data/NAME.yaml`."""
    path, guesses = profile.sample.path, {column.name: column for column in profile.guesses}
    warnings = {warning.subject: warning for warning in profile.warnings}

    def listed(key: str, names: Sequence[str], comment: str) -> str:
        if not names:
            return _line(f"{key}: []", comment)
        return "\n".join([_line(f"{key}:", comment), *(_item(name, guesses, warnings, profile) for name in names)])

    reasons = {column: reason_of(guesses[column], profile) for column in profile.drop}
    drop = [_line("drop:" if reasons else "drop: []", "columns that are not used as features")]
    drop += [_line(f"  - {_quoted(column)}", reason) for column, reason in reasons.items()]
    calendar = [
        f"  - {{name: {_quoted(entry['name'])}, columns: [{_quoted(entry['columns'][0])}], "
        f"parts: [{', '.join(entry['parts'])}]{', format: ' + entry['format'] if 'format' in entry else ''}}}"
        for entry in section["calendar"]
    ]
    files = [path.name, *([unlabelled.name] if unlabelled else [])]
    return DATA.format(
        name=name,
        file=_quoted(path.name),
        rows=f"{len(profile.sample.rows):,}",
        folder=_quoted(folder),
        files="\n".join(f"    {_quoted(file)}: null" for file in files),
        unlabelled=_quoted(unlabelled.name) if unlabelled else "null",
        format="\n".join(_format(profile)),
        target=_quoted(profile.target),
        kind=profile.kind,
        id=_quoted(profile.id) if profile.id else "null",
        drop="\n".join(drop),
        calendar="\n".join(["calendar:" if calendar else "calendar: []", *calendar]),
        categorical=listed("categorical", section["categorical"], "columns to embed"),
        numeric=listed("numeric", section["numeric"], "columns used as numbers"),
        min_count=_line(
            f"min_count: {section['min_count']}",
            profile.reasons.get("min_count", "a category of fewer training rows counts as unknown"),
        ),
        split="\n".join(_split(profile)),
        folds="\n".join(_folds(profile)),
        split_seed=_seed(profile),
        **{key: section[key] for key in ("test_fraction", "validation_fraction")},
    )


def _line(text: str, comment: str) -> str:
    return f"{text:<{WIDTH}} # {comment}"


def _format(profile: TableProfile) -> Iterator[str]:
    form = profile.sample.form
    yield _line(f"separator: {json.dumps(form.separator)}", "between two values")
    yield _line(f"decimal: {json.dumps(form.decimal)}", "decimal mark of the numbers")
    yield f"encoding: {form.encoding}"
    yield _line(f"header: {str(form.header).lower()}", "whether the first line names the columns")
    yield _line(f"skip_lines: {form.skip_lines}", "lines before the header")
    yield _line(f"missing: {_texts(form.missing)}", "texts that count as missing")
    yield _line(f"missing_numbers: {_texts(form.missing_numbers)}", "further ones, in numeric columns only")
    for column in profile.features("numeric", "both", "date"):
        if column.strays:
            yield f"{'':<{WIDTH}} # in {_shortened(column.name)}: {strays_of(column)}"


def _texts(texts: Sequence[str]) -> str:
    return f"[{', '.join(json.dumps(text, ensure_ascii=False) for text in texts)}]"


def strays_of(column: Guess) -> str:
    """Return the texts among the numbers of a column, with their numbers of rows."""
    texts = sorted(column.strays.items(), key=lambda pair: -pair[1])
    shown = ", ".join(
        f"{_shortened(text)!r} {'once' if count == 1 else f'{count:,} times'}" for text, count in texts[:SHOWN_STRAYS]
    )
    return shown + (f" and {len(texts) - SHOWN_STRAYS} more" if len(texts) > SHOWN_STRAYS else "")


def _seed(profile: TableProfile) -> str:
    if profile.seed == 1:
        return "split_seed: 1"
    return _line(f"split_seed: {profile.seed}", "the first that gives parts of about these sizes, of each class, too")


def _split(profile: TableProfile) -> Iterator[str]:
    dates = [column.name for column in profile.features("date")]
    if profile.group:
        group = _shortened(profile.group)
        yield _line("split: group", f"rows of one {group} mostly share one target: hold them out together")
        yield f"split_by: [{_quoted(profile.group)}]"
        return
    yield _line("split: random", "honest only if rows are independent of each other; otherwise group, time or given")
    yield "split_by: []"
    if dates:
        yield f"# To predict the future from the past: split: time, split_by: [{_quoted(dates[0])}], folds: 1"


def _folds(profile: TableProfile) -> Iterator[str]:
    if profile.folds > 1:
        number = profile.folds
        yield _line(
            f"folds: {number}", f"scores on a tenth of the rows are noisy: {number} networks, each validated on"
        )
        yield _line("", "another part of the rows (validation_fraction is then not used); see")
        yield _line("", "docs/experiments.md, Several networks for one")
    elif folds_of(profile) > 1:
        yield _line("folds: 1", f"{folds_of(profile)} folds would not all have each class, or not the right sizes")
    else:
        yield _line("folds: 1", "5: five networks, each validated on a different fifth: four times the work")


def _item(name: str, guesses: dict[str, Guess], warnings: dict[str, Finding], profile: TableProfile) -> str:
    comment = "derived from a date"
    if name in guesses:
        comment = _examples(guesses[name])
        if hint := hint_of(guesses[name]):
            comment += f"; {hint}"
        if guesses[name].missing:
            comment += f"; missing in {guesses[name].missing:,} rows"
    if name in guesses and profile.readings[name].reason:
        comment += f"; {profile.readings[name].reason}"
    if name in warnings:
        comment += {
            "leak": "; LEAK? it predicts the target almost on its own",
            "group": "; GROUP? its rows mostly share one target",
        }[warnings[name].kind]
    return _line(f"  - {_quoted(name)}", comment)


def reason_of(column: Guess, profile: TableProfile) -> str:
    """Return why a column is left out."""
    if column.name in profile.leaks:
        return f"LEAK? determines {_shortened(profile.target)}; keep it only if it is known beforehand"
    reading = profile.readings[column.name]
    if column.distinct < 2:
        return f"always {_shortened(column.examples[0])}" if column.examples else "no value"
    if hint := hint_of(column):
        return hint
    if reading.reason:
        return reading.reason
    if reading.kind == "text":
        return f"text: {column.distinct:,} different values in {column.present:,} rows"
    return "a different value in every row"


def experiment_config(name: str, profile: TableProfile) -> str:
    """Return the content of `conf/experiment/NAME.yaml`."""
    settings, reasons = model_settings(profile)
    model = [f"  {key}: {_value(value)}" for key, value in settings.items()]
    lines = [
        _line(line, _shortened(reasons[key], REASON)) if key in reasons else line
        for key, line in zip(settings, model, strict=True)
    ]
    loop = ", ".join(f"{key}: {value}" for key, value in train_settings(profile).items())
    file, target = _shortened(profile.sample.path.name), _shortened(profile.target)
    effort = {"usual": "", "quick": " --quick", "best": " --best"}[profile.effort]
    return EXPERIMENT.format(name=name, file=file, target=target, effort=effort, model="\n".join(lines), train=loop)


def _value(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def hint_of(column: Guess) -> str:
    """Return a remark on a column whose kind may be guessed wrong; empty if there is none."""
    if column.is_amount and all(_may_be_seconds(text) for text in column.examples):
        return "seconds since 1970? As a date: data.calendar, format=unix"
    if column.kind not in ("categorical", "id", "text") or column.distinct < 2:
        return ""
    for pattern, usual, hint in (
        (DATE, r"\d{4}-\d\d-\d\d", "a date? expected 2013-12-31"),
        (NUMBER, r"[+-]?\d+(\.\d+)?", "numbers? expected 1234.5"),
    ):
        if all(re.match(pattern, text) for text in column.examples) and (pattern == DATE or column.distinct > FEW):
            odd = next((text for text in column.examples if not re.fullmatch(usual, text)), "")
            return f"{hint}, received {_shortened(odd)}" if odd else f"{hint} in every row"
    return ""


def _may_be_seconds(text: str) -> bool:
    moment = moment_of(text, "unix")
    return moment is not None and SECONDS[0] <= moment.year <= SECONDS[1]


def table_of_columns(guesses: list[Guess], kinds: Mapping[str, str], remarks: Mapping[str, str]) -> str:
    """Return a text table with one line per column."""
    head = ("column", "kind", "different", "missing", "examples", "remark")
    rows = [
        (
            _shortened(column.name),
            kinds.get(column.name, column.kind),
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


def _shortened(text: str, length: int = SHOWN) -> str:
    # In a comment or a cell of the table: control characters would break the line or the file.
    return "".join(mark if mark.isprintable() else " " for mark in " ".join(text.split()))[:length]


def _quoted(text: str) -> str:
    """Return a text as YAML on one line, which may stand between brackets."""
    style = None if text.isprintable() else '"'
    written: str = yaml.safe_dump([text], allow_unicode=True, width=10**6, default_style=style, default_flow_style=True)
    return written.strip()[1:-1]
