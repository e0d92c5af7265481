"""Look at a table that nothing is known of, and propose the configuration that trains on it."""

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
    Looked,
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
"""Of a table of few rows."""
IS_ID = re.compile(r"(?i)(^|[^a-z])id($|[^a-z])|[a-z]I[dD]$")


@dataclass(frozen=True)
class Seen:
    """A file at first sight.

    Attributes:
        path: The file.
        rows: A sample of it, or all, as text.
        guesses: What its columns seem to be.
        has_more: It has more rows than these.
    """

    path: Path
    rows: pa.Table
    guesses: list[Guess]
    has_more: bool

    @property
    def report(self) -> str:
        """The columns, for people."""
        return table_of_columns(self.guesses, {})

    @property
    def in_all(self) -> int:
        """Rows of the whole file, about."""
        return len(self.rows) * (max(2, self.path.stat().st_size // SAMPLE_BYTES) if self.has_more else 1)


def look(path: Path, read_all: bool) -> Seen:
    """Read a sample of a file, or all of it."""
    rows, has_more = first_rows(path, MISSING, whole=read_all)
    return Seen(path, rows, [guess(name, rows[name]) for name in rows.column_names], has_more)


class TableProposer(Proposer):
    """Proposes a network for a table."""

    options = ("target", "unlabelled", "all")
    review = "kinds, drop, split"

    def rank(self, files: Sequence[Path], target: str | None) -> int:
        """Suit any single file; with a target, better than any other family."""
        return 0 if len(files) != 1 else 3 if target else 1

    def propose(self, request: Request) -> Proposal:
        """Look at a sample of the rows; without a target, only report what the columns hold.

        Raises:
            DataError: The file cannot be read, or the target cannot be predicted.
        """
        (file,) = request.files
        seen = look(file, request.read_all)
        if request.target is None:
            return Proposal(f"{seen.report}\n\nnext: the same command with --target COLUMN, the column to predict")
        if request.target not in seen.rows.column_names:
            raise DataError(f"{file}: no column {no_such([request.target], seen.rows.column_names)}")
        return propose(request.name, request.target, request.folder, request.unlabelled, seen)


def propose(name: str, target: str, folder: str, unlabelled: Path | None, seen: Seen) -> Proposal:
    """Propose configs for a table; see `TableProposer.propose`."""
    found = {each.name: each for each in seen.guesses}
    if wrong := [each for each in found if "${" in each]:
        raise DataError(f"column {wrong[0]!r}: a config takes ${{…}} for a reference; rename the column")
    looked = Looked(seen.guesses, len(seen.rows), target, _kind(found[target], seen.has_more))
    ids = [each.name for each in seen.guesses if each.kind == "id" and each.name != target]
    looked.id = next((each for each in ids if IS_ID.search(each)), next(iter(ids), None))
    _audit(looked, seen)
    if unlabelled is not None:
        _require_columns(unlabelled, looked)
    remarks = {each.name: hint for each in seen.guesses if (hint := hint_of(each))}
    remarks |= {each.subject: each.kind for each in looked.warnings if each.subject in found}
    remarks |= dict.fromkeys(looked.answers, "leak: left out") | {target: f"target: {looked.kind}"}
    if looked.group:
        remarks[looked.group] = "group: held out whole"
    if looked.id:
        remarks[looked.id] = "id"
    report = table_of_columns(seen.guesses, remarks)
    report += "".join(f"\n{each.kind}: {each.subject}: {each.text}" for each in looked.warnings) + looked.note
    part, advice = ("the first ", " (--all: at every row)") if seen.has_more else ("", "")
    return Proposal(
        report,
        data_config(name, seen.path, folder, unlabelled, looked, _section(looked)),
        experiment_config(name, seen.path, looked, seen.in_all),
        f"looked at {part}{len(seen.rows):,} rows{advice}",
    )


def _kind(column: Guess, has_more: bool) -> str:
    if column.distinct < 2:
        hint = "; --all looks at every row" if has_more else ""
        raise DataError(
            f"column {column.name!r}: {column.distinct} different values in {column.rows:,} rows; there is nothing to "
            f"predict{hint}"
        )
    if column.kind in ("id", "date") and not column.is_amount:
        raise DataError(f"column {column.name!r}: looks like {column.kind}; name another with --target")
    if column.is_amount:
        return "regression"
    return "binary" if column.distinct == 2 else "multiclass"


def _require_columns(unlabelled: Path, looked: Looked) -> None:
    section, there = _section(looked), header(unlabelled)
    derived = [Derived(**each) for each in section["calendar"]]
    wanted = {*section["categorical"], *section["numeric"], *([looked.id] if looked.id else [])}
    wanted -= {name for each in derived for name in each.produced}
    wanted |= {name for each in derived for name in each.columns}
    if absent := sorted(wanted - {*there}):
        raise DataError(f"{unlabelled}: no column {no_such(absent, there)}")


def _audit(looked: Looked, seen: Seen) -> None:
    """Prepare the sample as the stages would, and keep what the audit says of it.

    First split at random: columns that are the answer are left out; whose rows belong together are held out together,
    by the coarsest column that leaves something in every split.
    """
    with tempfile.TemporaryDirectory() as scratch:
        pq.write_table(seen.rows, Path(scratch) / SAMPLED)
        try:
            audit = _prepared(looked, Path(scratch))
        except DataError as error:
            reason = str(error).replace(f"{Path(scratch) / SAMPLED}", str(seen.path))
            looked.note = f"\nas it stands, preprocess refuses it: {reason}"
            return
        looked.warnings = _telling(audit)
        named = {each.subject for each in looked.warnings if each.kind == "group"}
        looked.answers = [each.name for each in audit.columns if determines(each) and each.name not in named]
        for column in sorted((each for each in audit.columns if each.name in named), key=lambda each: each.values or 0):
            looked.group = column.name
            try:
                looked.warnings = _telling(_prepared(looked, Path(scratch)))
                break
            except DataError:  # too few groups, or of one class each
                looked.group = None
        if seen.in_all < MEDIUM:
            looked.folds = FOLDS
            try:
                _prepared(looked, Path(scratch))
            except DataError:  # too few groups, or a class that one fold has alone
                looked.folds = 1


def _telling(audit: Audit) -> list[Finding]:
    return [each for each in findings(audit) if each.kind in ("leak", "group")]


def _prepared(looked: Looked, folder: Path) -> Audit:
    data = TableData.model_validate(_section(looked))
    return prepare_section(data, folder, folder / "processed", "table")[1]


def _section(looked: Looked) -> dict[str, Any]:
    dates = [calendar_of(each, looked.names) for each in looked.features("date")]
    return {
        "source": {"name": "own", "folder": "data/own", "files": {SAMPLED: None}},
        "main_file": SAMPLED,
        "unlabelled": None,
        "joins": [],
        "missing": MISSING,
        "target": looked.target,
        "problem_type": looked.kind,
        "positive_at_least": None,
        "id": looked.id,
        "columns": "listed",
        "drop": looked.drop,
        "calendar": [
            {"name": each.derived.name, "columns": each.derived.columns, "parts": each.derived.parts} for each in dates
        ],
        "categorical": [each.name for each in looked.features("categorical")]
        + [name for each in dates for name in each.categorical],
        "numeric": [each.name for each in looked.features("numeric")]
        + [name for each in dates for name in each.numeric],
        "min_count": 5,
        "split": "group" if looked.group else "random",
        "split_by": [looked.group] if looked.group else [],
        "test_fraction": 0.2,
        "validation_fraction": 0.1,
        "folds": looked.folds,
        "split_seed": 1,
    }
