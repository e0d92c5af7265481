"""Look at an unknown table and propose the configuration that trains on it."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from pipeline.config import Config, no_such
from pipeline.data import DataError, header
from pipeline.data.cells import DATE_FORMATS
from pipeline.data.reading import batches, column_name
from pipeline.families.table.data.audit import Finding
from pipeline.families.table.data.audit.findings import case
from pipeline.families.table.data.counting import MISSING, differing_in_case, distinct
from pipeline.families.table.data.guessing import FEW, PLACEHOLDERS, Guess
from pipeline.families.table.data.layout import Derived
from pipeline.families.table.proposal.network import choose_network
from pipeline.families.table.proposal.profile import TableProfile
from pipeline.families.table.proposal.readings import Measure, numbers_by_row
from pipeline.families.table.proposal.sample import TableSample, is_code_of_two_letters, look, with_missing
from pipeline.families.table.proposal.sniffing import looks_like_table
from pipeline.families.table.proposal.splitting import choose_split
from pipeline.families.table.proposal.texts import (
    data_config,
    experiment_config,
    hint_of,
    reason_of,
    strays_of,
    table_of_columns,
)
from pipeline.families.table.settings import TableData
from pipeline.tasks import Proposal, Proposer, Request

IS_ID = re.compile(
    r"(?i)(^|[^a-z])(id|ids|uuid|guid|zip|plz|key)($|[^a-z])"
    r"|(zip|post|postal|area|product|item|store|shop)[ _-]?(code|no|nr)($|[^a-z])|(?-i:[a-z](ID|Id)$)"
)
"""Names of columns of ids and codes."""
ROWS_PER_CLASS = 2
"""Mean number of rows of a class below which a column cannot be a target of classes."""
SHOWN = 5
"""Maximum number of columns that a message names."""
TEXTS = (".txt", ".md")
"""Suffixes of files that are texts, unless their lines are rows."""


class TableProposer(Proposer):
    """Proposes a network for a table."""

    options = ("target", "unlabelled", "all", "header", "no-header", "quick", "best")
    review = "categorical, numeric, drop, split"

    def rank(self, files: Sequence[Path], target: str | None) -> int:
        """Rank any single file; with a target, or if a text is a table, above every other family."""
        if len(files) != 1:
            return 0
        if target:
            return 3
        return 3 if files[0].suffix.lower() in TEXTS and looks_like_table(files[0]) else 1

    def propose(self, request: Request) -> Proposal:
        """Propose configs from a sample of the rows; without a target, only report the columns.

        Raises:
            DataError: The file cannot be read, or the target cannot be predicted.
        """
        (file,) = request.files
        if request.target is not None:  # as columns are named
            request = replace(request, target=column_name(request.target))
        sample = look(file, request.read_all, request.header)
        if request.target is None:
            report = table_of_columns(sample.guesses, {}, {})
            return Proposal(f"{report}\n\nnext: the same command with --target COLUMN, the column to predict")
        if request.target not in sample.rows.column_names:
            hint = (
                ""
                if sample.form.header
                else "; the first line looks like a row, so columns have no names. If it does name them: --header"
            )
            raise DataError(f"{file}: no column {no_such([request.target], sample.rows.column_names)}{hint}")
        profile = profile_of(sample, request.target, request.effort)
        section = profile.section()
        if request.unlabelled is not None:
            _require_columns(request.unlabelled, profile)
        files = {"main_file": file.name, "unlabelled": request.unlabelled.name if request.unlabelled else None}
        names = [name for name in files.values() if name]
        source = {"name": "own", "folder": request.folder, "files": dict.fromkeys(names)}
        expected = TableData.model_validate(section | files | {"source": source})

        def check(config: Config) -> None:
            if config.data != expected:
                raise DataError(f"{file}: the names of its columns cannot be written to a config; rename them")

        rows = len(sample.rows)
        part, advice = ("the first ", " (--all reads every row)") if sample.has_more else ("", "")
        return Proposal(
            _report(profile),
            data_config(request.name, request.folder, request.unlabelled, profile, section),
            experiment_config(request.name, profile),
            f"looked at {part}{rows:,} rows{advice}",
            check,
        )


def profile_of(sample: TableSample, target: str, effort: str = "usual") -> TableProfile:
    """Decide what the columns of a sample are, which are left out, and how rows are held out.

    Args:
        sample: The sample.
        target: The column to predict.
        effort: How long the training may take: `quick`, `usual`, or `best`.

    Raises:
        DataError: The target cannot be predicted, nothing is left to predict it from, or the table cannot be split.
    """
    sample = _with_target(sample, target)
    columns = {column.name: column for column in sample.guesses}
    if invalid := [name for name in columns if "${" in name]:
        raise DataError(f"column {invalid[0]!r}: in a config, ${{…}} is a reference; rename the column")
    kind = _kind(columns[target], sample.has_more)
    rows = sample.thinned
    measure = Measure(rows[target].combine_chunks(), kind == "regression", sample.form)
    readings = {
        name: measure.reading(guess, rows[name].combine_chunks(), bool(IS_ID.search(name)))
        for name, guess in columns.items()
        if name != target
    }
    notes = list(_lost_rows(sample, columns[target]))
    profile = TableProfile(sample, target, kind, readings, effort=effort, notes=notes)
    ids = [name for name, reading in readings.items() if reading.kind == "id"]
    profile.id = next((name for name in ids if IS_ID.search(name)), next(iter(ids), None))
    _require_features(profile)
    choose_split(profile)
    _require_features(profile)
    choose_network(profile, measure)
    profile.notes += _shared_ids(profile)
    return profile


def _require_features(profile: TableProfile) -> None:
    if profile.features("categorical", "numeric", "both", "date"):
        return
    dropped = [column for column in profile.guesses if column.name in profile.drop]
    others = [f"{column.name} ({reason_of(column, profile)})" for column in dropped[:SHOWN]]
    reason = f"left out are {', '.join(others)}" if others else "the file has no other column"
    raise DataError(f"{profile.sample.path}: no column to predict {profile.target!r} from: {reason}")


def _shared_ids(profile: TableProfile) -> Iterator[str]:
    """Yield a note on ids of several rows each, whose rows a random split divides."""
    names = [
        column.name
        for column in profile.features("categorical", "both")
        if IS_ID.search(column.name) and FEW < column.distinct <= column.present / 2
    ]
    if names and not profile.group:
        yield (
            f"rows of one {names[0]} are in several parts of the split: scores hold for known values of "
            f"{', '.join(names[:SHOWN])}. To score on new ones: data.split=group data.split_by=[{names[0]}]"
        )


def _with_target(sample: TableSample, target: str) -> TableSample:
    """Return the sample without classes that stand for a missing value; they stay if too few others are left."""
    column = next(column for column in sample.guesses if column.name == target)
    if column.is_amount:
        return sample
    texts = [text for text in sample.rows[target].combine_chunks().dictionary.to_pylist() if text]
    absent = [text for text in texts if text.lower() in PLACEHOLDERS]
    others = [text for text in texts if text not in absent]
    if is_code_of_two_letters(texts):
        absent.remove("NA")
    return with_missing(sample, absent) if absent and len(others) > 1 else sample


def _lost_rows(sample: TableSample, column: Guess) -> Iterator[str]:
    texts, places = distinct(sample.rows[column.name].combine_chunks())
    known = np.isfinite(numbers_by_row(texts, places, sample.form)) if column.is_amount else places != MISSING
    lost = int((~known).sum())
    if lost:
        examples = f" ({strays_of(column)})" if column.strays else ""
        yield f"{lost:,} of {column.rows:,} rows have no target{examples}; they are left out"


def _kind(column: Guess, has_more: bool) -> str:
    if column.distinct < 2:
        hint = "; --all reads every row" if has_more else ""
        found = f"the only value is {column.examples[0]!r}" if column.examples else "no row has a value"
        raise DataError(f"column {column.name!r}: {found}; there is nothing to predict{hint}")
    if column.is_amount and column.kind != "id":
        return "regression"
    if column.kind in ("id", "date", "text") or column.distinct * ROWS_PER_CLASS > max(
        column.present, 2 * ROWS_PER_CLASS
    ):
        raise DataError(
            f"column {column.name!r}: {column.distinct:,} different values in {column.present:,} rows, which are "
            "neither classes nor amounts; choose another column with --target"
        )
    return "binary" if column.distinct == 2 else "multiclass"


def _require_columns(unlabelled: Path, profile: TableProfile) -> None:
    section, present = profile.section(), header(unlabelled, profile.sample.form)
    calendars = [Derived(**calendar) for calendar in section["calendar"]]
    required = {*section["categorical"], *section["numeric"], *([profile.id] if profile.id else [])}
    required -= {name for calendar in calendars for name in calendar.produced}
    required |= {name for calendar in calendars for name in calendar.columns}
    if absent := sorted(required - {*present}):
        raise DataError(f"{unlabelled}: no column {no_such(absent, present)}")
    numbers = [column.name for column in profile.features("numeric")]
    next(batches(unlabelled, [*present], numbers, profile.sample.form))  # refuses texts among the numbers


def _cases(profile: TableProfile) -> Iterator[Finding]:
    classes = [profile.target] if profile.kind != "regression" else []
    for name in [*classes, *(column.name for column in profile.features("categorical"))]:
        texts, _ = distinct(profile.sample.rows[name].combine_chunks())
        if groups := differing_in_case(texts):
            yield case(name, groups)


def _date_remark(column: Guess) -> str:
    """Return how a date is read, where it could be read otherwise."""
    if column.kind != "date" or column.date_format == "year_first":
        return ""
    doubt = "" if column.is_certain else "; no date decides between day and month first"
    return f"read as {DATE_FORMATS[column.date_format]}{doubt}"


def _named(profile: TableProfile) -> list[Finding]:
    """Return the warnings of columns that are not left out."""
    return [warning for warning in profile.warnings if warning.subject not in profile.leaks]


def _remarks(profile: TableProfile) -> dict[str, str]:
    columns, dropped = {column.name for column in profile.guesses}, profile.drop
    remarks = {column.name: hint for column in profile.guesses if (hint := hint_of(column))}
    for column in profile.guesses:
        if column.name == profile.target:
            continue
        if column.name in dropped:
            remarks[column.name] = f"left out: {reason_of(column, profile)}"
        elif remark := _date_remark(column):
            remarks[column.name] = remark
        elif column.strays:
            remarks[column.name] = f"missing: {strays_of(column)}"
        elif reason := profile.readings[column.name].reason:
            remarks[column.name] = reason
    remarks |= {warning.subject: warning.kind for warning in _named(profile) if warning.subject in columns}
    remarks |= {profile.target: f"target: {profile.kind}"}
    if profile.group:
        remarks[profile.group] = "group: held out together"
    if profile.id:
        remarks[profile.id] = "id"
    return remarks


def _report(profile: TableProfile) -> str:
    """Return the columns with remarks, and the warnings below them."""
    remarks, named = _remarks(profile), _named(profile)
    kinds = {name: reading.kind for name, reading in profile.readings.items()}
    lines = [table_of_columns(profile.guesses, kinds, remarks)]
    lines += [f"{warning.kind}: {warning.subject}: {warning.text}" for warning in [*named, *_cases(profile)]]
    form = profile.sample.form
    if unusual := [
        f"{name} {value!r}"
        for name, value, usual in (
            ("separator", form.separator, ","),
            ("decimal mark", form.decimal, "."),
            ("encoding", form.encoding, "utf-8"),
        )
        if value != usual
    ]:
        lines.append(f"read with {', '.join(unusual)}")
    if form.skip_lines:
        are = "line is" if form.skip_lines == 1 else f"{form.skip_lines} lines are"
        lines.append(f"the first {are} not part of the table, and skipped")
    if not form.header:
        lines.append("the first line is a row, not a header: columns are called column_1, column_2, …")
    lines += [f"{setting}: {reason}" for setting, reason in profile.reasons.items()]
    return "\n".join([*lines, *profile.notes])
