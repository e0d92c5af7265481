"""Look at a table that nothing is known of, and propose the configuration that trains on it."""

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.config import TableData
from pipeline.data import SAMPLE_BYTES, DataError, Guess, Holdout, guess, prepare, sample
from pipeline.data.audit import findings
from pipeline.tasks.table_columns import calendar_of, layout_of
from pipeline.tasks.table_proposal_text import Looked, data_config, experiment_config, table_of_columns

MISSING = ["", "NA"]
SAMPLED = "rows.parquet"


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
        return table_of_columns(self.guesses, {})


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
    looked = Looked(guesses, len(rows), target, _kind(found[target]))
    ids = [each.name for each in guesses if each.kind == "id" and each.name != target]
    looked.id = next((each for each in ids if "id" in each.lower()), next(iter(ids), None))
    _audit(looked, rows)
    remarks = {target: f"target: {looked.kind}"}
    remarks |= {each.subject: each.kind for each in looked.warnings if each.subject in found}
    if looked.group:
        remarks[looked.group] = "group: held out whole"
    if looked.id:
        remarks[looked.id] = "id"
    report = table_of_columns(guesses, remarks)
    report += "".join(f"\n{each.kind}: {each.subject}: {each.text}" for each in looked.warnings) + looked.note
    return Proposal(
        report,
        data_config(name, path, folder, unlabelled, looked, _section(looked)),
        experiment_config(name, path, looked.target, seen.in_all),
    )


def _kind(column: Guess) -> str:
    if column.distinct < 2:
        raise DataError(f"column {column.name!r}: {column.distinct} different values; there is nothing to predict")
    if column.kind in ("id", "date") and not column.is_amount:
        raise DataError(f"column {column.name!r}: looks like {column.kind}; name another with --target")
    if column.is_amount:
        return "regression"
    return "binary" if column.distinct == 2 else "multiclass"


def _audit(looked: Looked, rows: pa.Table) -> None:
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


def _section(looked: Looked) -> dict[str, Any]:
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
