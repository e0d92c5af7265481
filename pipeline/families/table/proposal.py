"""Look at an unknown table and propose the configuration that trains on it."""

import re
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.config import no_such
from pipeline.data import SAMPLE_BYTES, DataError, first_rows, header
from pipeline.families.table.data.audit import Audit, Finding, determines, findings
from pipeline.families.table.data.columns import calendar_of, prepare_section
from pipeline.families.table.data.guessing import Guess, guess
from pipeline.families.table.data.layout import Derived
from pipeline.families.table.proposal_text import (
    MEDIUM,
    TableProfile,
    data_config,
    experiment_config,
    hint_of,
    table_of_columns,
)
from pipeline.families.table.settings import TableData
from pipeline.tasks import Proposal, Proposer, Request

MISSING = ["", "NA"]
SAMPLED = "rows.parquet"
FOLDS = 5
"""Number of folds proposed for a table of few rows."""
IS_ID = re.compile(r"(?i)(^|[^a-z])id($|[^a-z])|[a-z]I[dD]$")


@dataclass(frozen=True)
class TableSample:
    """The first rows of a file.

    Attributes:
        path: The file.
        rows: A sample of its rows, or all of them, as text.
        guesses: The guessed kind of each column.
        has_more: Whether the file has more rows than the sample.
    """

    path: Path
    rows: pa.Table
    guesses: list[Guess]
    has_more: bool

    @property
    def report(self) -> str:
        """The columns as a text table."""
        return table_of_columns(self.guesses, {})

    @property
    def total_rows(self) -> int:
        """Approximate number of rows of the whole file."""
        return len(self.rows) * (max(2, self.path.stat().st_size // SAMPLE_BYTES) if self.has_more else 1)


def look(path: Path, read_all: bool) -> TableSample:
    """Read a sample of a file, or all of it."""
    rows, has_more = first_rows(path, MISSING, whole=read_all)
    return TableSample(path, rows, [guess(name, rows[name]) for name in rows.column_names], has_more)


class TableProposer(Proposer):
    """Proposes a network for a table."""

    options = ("target", "unlabelled", "all")
    review = "kinds, drop, split"

    def rank(self, files: Sequence[Path], target: str | None) -> int:
        """Rank any single file; with a target, above every other family."""
        return 0 if len(files) != 1 else 3 if target else 1

    def propose(self, request: Request) -> Proposal:
        """Propose configs from a sample of the rows; without a target, only report the columns.

        Raises:
            DataError: The file cannot be read, or the target cannot be predicted.
        """
        (file,) = request.files
        sample = look(file, request.read_all)
        if request.target is None:
            return Proposal(f"{sample.report}\n\nnext: the same command with --target COLUMN, the column to predict")
        if request.target not in sample.rows.column_names:
            raise DataError(f"{file}: no column {no_such([request.target], sample.rows.column_names)}")
        return propose(request.name, request.target, request.folder, request.unlabelled, sample)


def propose(name: str, target: str, folder: str, unlabelled: Path | None, sample: TableSample) -> Proposal:
    """Propose configs for a table; see `TableProposer.propose`."""
    columns = {column.name: column for column in sample.guesses}
    if invalid := [column for column in columns if "${" in column]:
        raise DataError(f"column {invalid[0]!r}: in a config, ${{…}} is a reference; rename the column")
    profile = TableProfile(sample.guesses, len(sample.rows), target, _kind(columns[target], sample.has_more))
    ids = [column.name for column in sample.guesses if column.kind == "id" and column.name != target]
    profile.id = next((name for name in ids if IS_ID.search(name)), next(iter(ids), None))
    _audit(profile, sample)
    if unlabelled is not None:
        _require_columns(unlabelled, profile)
    remarks = {column.name: hint for column in sample.guesses if (hint := hint_of(column))}
    remarks |= {warning.subject: warning.kind for warning in profile.warnings if warning.subject in columns}
    remarks |= dict.fromkeys(profile.leaks, "leak: left out") | {target: f"target: {profile.kind}"}
    if profile.group:
        remarks[profile.group] = "group: held out together"
    if profile.id:
        remarks[profile.id] = "id"
    report = table_of_columns(sample.guesses, remarks)
    warnings = "".join(f"\n{warning.kind}: {warning.subject}: {warning.text}" for warning in profile.warnings)
    report += warnings + profile.note
    part, advice = ("the first ", " (--all reads every row)") if sample.has_more else ("", "")
    return Proposal(
        report,
        data_config(name, sample.path, folder, unlabelled, profile, _section(profile)),
        experiment_config(name, sample.path, profile, sample.total_rows),
        f"looked at {part}{len(sample.rows):,} rows{advice}",
    )


def _kind(column: Guess, has_more: bool) -> str:
    if column.distinct < 2:
        hint = "; --all reads every row" if has_more else ""
        raise DataError(
            f"column {column.name!r}: {column.distinct} different values in {column.rows:,} rows; there is nothing to "
            f"predict{hint}"
        )
    if column.kind in ("id", "date") and not column.is_amount:
        raise DataError(f"column {column.name!r}: looks like {column.kind}; choose another column with --target")
    if column.is_amount:
        return "regression"
    return "binary" if column.distinct == 2 else "multiclass"


def _require_columns(unlabelled: Path, profile: TableProfile) -> None:
    section, present = _section(profile), header(unlabelled)
    calendars = [Derived(**calendar) for calendar in section["calendar"]]
    required = {*section["categorical"], *section["numeric"], *([profile.id] if profile.id else [])}
    required -= {name for calendar in calendars for name in calendar.produced}
    required |= {name for calendar in calendars for name in calendar.columns}
    if absent := sorted(required - {*present}):
        raise DataError(f"{unlabelled}: no column {no_such(absent, present)}")


def _audit(profile: TableProfile, sample: TableSample) -> None:
    """Prepare the sample as the stages would, and keep the findings of the audit.

    The first split is random; columns that determine the target are left out. If some columns group the rows, the
    rows are then held out by the coarsest of them that leaves rows in every split.
    """
    with tempfile.TemporaryDirectory() as scratch:
        pq.write_table(sample.rows, Path(scratch) / SAMPLED)
        try:
            audit = _prepared(profile, Path(scratch))
        except DataError as error:
            reason = str(error).replace(f"{Path(scratch) / SAMPLED}", str(sample.path))
            profile.note = f"\npreprocess would refuse this table: {reason}"
            return
        profile.warnings = _leaks_and_groups(audit)
        groups = {warning.subject for warning in profile.warnings if warning.kind == "group"}
        profile.leaks = [column.name for column in audit.columns if determines(column) and column.name not in groups]
        grouping = (column for column in audit.columns if column.name in groups)
        for column in sorted(grouping, key=lambda column: column.values or 0):
            profile.group = column.name
            try:
                profile.warnings = _leaks_and_groups(_prepared(profile, Path(scratch)))
                break
            except DataError:  # too few groups, or only one class in each
                profile.group = None
        if sample.total_rows < MEDIUM:
            profile.folds = FOLDS
            try:
                _prepared(profile, Path(scratch))
            except DataError:  # too few groups, or a class that occurs in one fold only
                profile.folds = 1


def _leaks_and_groups(audit: Audit) -> list[Finding]:
    return [finding for finding in findings(audit) if finding.kind in ("leak", "group")]


def _prepared(profile: TableProfile, folder: Path) -> Audit:
    data = TableData.model_validate(_section(profile))
    return prepare_section(data, folder, folder / "processed", "table")[1]


def _section(profile: TableProfile) -> dict[str, Any]:
    dates = [calendar_of(column, profile.names) for column in profile.features("date")]
    return {
        "source": {"name": "own", "folder": "data/own", "files": {SAMPLED: None}},
        "main_file": SAMPLED,
        "unlabelled": None,
        "joins": [],
        "missing": MISSING,
        "target": profile.target,
        "problem_type": profile.kind,
        "positive_at_least": None,
        "id": profile.id,
        "columns": "listed",
        "drop": profile.drop,
        "calendar": [
            {"name": date.derived.name, "columns": date.derived.columns, "parts": date.derived.parts} for date in dates
        ],
        "categorical": [column.name for column in profile.features("categorical")]
        + [name for date in dates for name in date.categorical],
        "numeric": [column.name for column in profile.features("numeric")]
        + [name for date in dates for name in date.numeric],
        "min_count": 5,
        "split": "group" if profile.group else "random",
        "split_by": [profile.group] if profile.group else [],
        "test_fraction": 0.2,
        "validation_fraction": 0.1,
        "folds": profile.folds,
        "split_seed": 1,
    }
