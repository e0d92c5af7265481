"""Audit a split table: how much each column predicts, and where the splits overlap.

Rows are read once per part of the table, as counts of (index, split, class); the rest is arithmetic over distinct
values. Columns are judged by how well the training rows predict the validation rows. The test rows decide nothing: they
are compared for duplicates, unseen values and drift only.
"""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from statistics import NormalDist

from pipeline.data.reading import header
from pipeline.data.splits import SPLITS
from pipeline.families.table.data.audit.columns import UNLABELLED, ColumnAudit, judge, labels_of
from pipeline.families.table.data.audit.rows import doubles, doubles_by_chance, repeated
from pipeline.families.table.data.balance import Share, lopsided
from pipeline.families.table.data.counting import Counts, differing_in_case
from pipeline.families.table.data.holdout import HeldOut, Holdout
from pipeline.families.table.data.layout import Layout
from pipeline.families.table.data.rows import RawRows
from pipeline.families.table.data.schema import Schema
from pipeline.families.table.data.tables import Table
from pipeline.families.table.data.targets import Answers

ERROR = 0.05
"""Probability that the interval of any column is wrong."""


@dataclass(frozen=True)
class Audit:
    """The results of an audit.

    Attributes:
        kind: Kind of the target.
        rows: Number of rows of each split and of the unlabelled file.
        held_out: How the test rows were held out, in words.
        doubles: Split → share of its rows that equal a training row in every feature.
        doubles_by_chance: The approximate share if the columns were independent.
        shared_groups: Split → number of its groups that also occur in training.
        repeated_ids: File → number of ids that occur in several rows, and the lines of one of them.
        by_design: Columns that differ between the splits because the splits were cut by time.
        calendar: Columns that are derived from dates.
        columns: The audit of each column.
        lopsided: Splits and folds that are much larger or smaller than was asked for.
        cases: Column → groups of its values that differ only in case.
    """

    kind: str
    rows: dict[str, int]
    held_out: str
    doubles: dict[str, float]
    doubles_by_chance: float
    shared_groups: dict[str, int]
    repeated_ids: dict[str, tuple[int, list[int]]]
    by_design: list[str]
    calendar: list[str]
    columns: list[ColumnAudit]
    lopsided: list[Share]
    cases: dict[str, list[list[str]]]


def audit(
    raw: RawRows,
    schema: Schema,
    answers: Answers,
    held: HeldOut,
    groups: Sequence[Counts],
    holdout: Holdout,
    scratch: Path,
) -> Audit:
    """Audit all columns and rows.

    Args:
        raw: The rows of the main file.
        schema: The schema that was inferred from them.
        answers: The target of each row.
        held: The group, split and fold of each row.
        groups: For each split, the number of its rows in each group.
        holdout: How rows were held out.
        scratch: A folder for the rows of the unlabelled file, if there is one.
    """
    layout, split = raw.table.layout, held.split
    rows = dict(schema.rows)
    ids = {layout.main: repeated(raw)} if layout.id else {}
    others = None
    if layout.unlabelled is not None:
        path = raw.table.folder / layout.unlabelled
        others = RawRows(
            path, Table(layout, path.parent, header(path, layout.format), path.as_posix(), labelled=False), scratch
        )
        rows[UNLABELLED] = others.rows
        if layout.id:
            ids[layout.unlabelled] = repeated(others)
    draws = {name: _independent(rows_of_groups) for name, rows_of_groups in zip(SPLITS, groups, strict=True)}
    draws[UNLABELLED] = max(1.0, rows.get(UNLABELLED, 0) * draws["train"] / rows["train"])
    # Of many columns some predict a few rows by chance: the intervals hold for all columns together (Bonferroni).
    deviations = NormalDist().inv_cdf(1 - ERROR / 2 / len(layout.inputs))
    fitted = {column.name: column for column in schema.numeric}
    with ThreadPoolExecutor(1) as pool:  # NumPy sorts without the GIL: both tasks together take little longer than one
        pending = pool.submit(doubles, raw, split)
        columns = list(judge(raw, others, schema.target, labels_of(answers, split), split, draws, fitted, deviations))
    place = {name: i for i, name in enumerate(layout.inputs)}
    return Audit(
        kind=answers.kind,
        rows=rows,
        held_out=schema.held_out,
        doubles=pending.result(),
        doubles_by_chance=doubles_by_chance(raw, split == 0),
        shared_groups={name: int(((groups[0] > 0) & (groups[i] > 0)).sum()) for i, name in enumerate(SPLITS) if i},
        repeated_ids={file: repeats for file, repeats in ids.items() if repeats[0]},
        by_design=_cut_by_time(layout, holdout),
        calendar=[name for date in layout.derived for name in date.produced],
        lopsided=lopsided(answers, held, holdout),
        cases=_cases(raw),
        columns=sorted(columns, key=lambda column: (place.get(column.name, len(place)), column.name)),
    )


def _cases(raw: RawRows) -> dict[str, list[list[str]]]:
    layout = raw.table.layout
    names = [name for name in dict.fromkeys([*layout.categorical, *layout.labels]) if name not in raw.numbers]
    groups = {name: differing_in_case(raw.values(name).cast("string").unique().drop_null()) for name in names}
    return {name: found for name, found in groups.items() if found}


def _independent(rows: Counts) -> float:
    """Return the effective number of groups, given the rows of each (Kish 1965, effective sample size)."""
    return float(rows.sum()) ** 2 / float((rows.astype("float64") ** 2).sum())


def _cut_by_time(layout: Layout, holdout: Holdout) -> list[str]:
    if holdout.method != "time":
        return []
    derived = [name for date in layout.derived if set(date.columns) & set(holdout.by) for name in date.produced]
    return [*holdout.by, *derived]
