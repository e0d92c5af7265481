"""Look at a table as it was split: what each column tells, where the splits are not apart.

Rows are read once a part of the table, as counts of (index, split, class); the rest is arithmetic over distinct values.
Columns are judged by what the training rows say of the validation rows; the test rows choose nothing, they are compared
for doubles, unseen values and drift only.
"""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from pipeline.data.reading import header
from pipeline.data.splits import SPLITS, Splits
from pipeline.families.table.data.audit.columns import UNLABELLED, ColumnAudit, judge, labels_of
from pipeline.families.table.data.audit.rows import doubles, doubles_by_chance, repeated
from pipeline.families.table.data.counting import Counts
from pipeline.families.table.data.holdout import Holdout
from pipeline.families.table.data.layout import Layout
from pipeline.families.table.data.rows import RawRows
from pipeline.families.table.data.schema import Schema
from pipeline.families.table.data.tables import Table
from pipeline.families.table.data.targets import Answers


@dataclass(frozen=True)
class Audit:
    """What was found.

    Attributes:
        rows: By split, and of the unlabelled file.
        held_out: How, in words.
        doubles: Split → share of its rows that equal a training row in every feature.
        doubles_by_chance: What it would be about if columns had nothing to do with each other.
        shared_groups: Split → groups that training has, too.
        repeated_ids: File → ids that stand in several rows, and the lines of one of them.
        by_design: Columns that differ between the splits because these were cut by time.
        columns: Each of them.
    """

    rows: dict[str, int]
    held_out: str
    doubles: dict[str, float]
    doubles_by_chance: float
    shared_groups: dict[str, int]
    repeated_ids: dict[str, tuple[int, list[int]]]
    by_design: list[str]
    columns: list[ColumnAudit]


def audit(
    raw: RawRows,
    schema: Schema,
    answers: Answers,
    split: Splits,
    groups: Sequence[Counts],
    holdout: Holdout,
    scratch: Path,
) -> Audit:
    """Look at all columns and rows.

    Args:
        raw: The rows.
        schema: What is known of them.
        answers: Their targets.
        split: Their splits.
        groups: Rows of each group, by split.
        holdout: How rows were held out.
        scratch: A folder for the rows of the unlabelled file, if there is one.
    """
    layout = raw.table.layout
    rows = dict(schema.rows)
    ids = {layout.main: repeated(raw)} if layout.id else {}
    others = None
    if layout.unlabelled is not None:
        path = raw.table.folder / layout.unlabelled
        others = RawRows(path, Table(layout, path.parent, header(path), path.as_posix(), labelled=False), scratch)
        rows[UNLABELLED] = others.rows
        if layout.id:
            ids[layout.unlabelled] = repeated(others)
    draws = {name: _independent(found) for name, found in zip(SPLITS, groups, strict=True)}
    draws[UNLABELLED] = max(1.0, rows.get(UNLABELLED, 0) * draws["train"] / rows["train"])
    fitted = {column.name: column for column in schema.numeric}
    with ThreadPoolExecutor(1) as pool:  # NumPy sorts without Python's lock: both take little longer than one
        pending = pool.submit(doubles, raw, split)
        columns = list(judge(raw, others, schema.target, labels_of(answers, split), split, draws, fitted))
    place = {name: i for i, name in enumerate(layout.inputs)}
    return Audit(
        rows=rows,
        held_out=schema.held_out,
        doubles=pending.result(),
        doubles_by_chance=doubles_by_chance(raw, split == 0),
        shared_groups={name: int(((groups[0] > 0) & (groups[i] > 0)).sum()) for i, name in enumerate(SPLITS) if i},
        repeated_ids={file: found for file, found in ids.items() if found[0]},
        by_design=_cut_by_time(layout, holdout),
        columns=sorted(columns, key=lambda column: (place.get(column.name, len(place)), column.name)),
    )


def _independent(rows: Counts) -> float:
    """Return how many equal groups tell as much as these of so many rows each (Kish 1965, effective sample size)."""
    return float(rows.sum()) ** 2 / float((rows.astype("float64") ** 2).sum())


def _cut_by_time(layout: Layout, holdout: Holdout) -> list[str]:
    if holdout.method != "time":
        return []
    derived = [name for each in layout.derived if set(each.columns) & set(holdout.by) for name in each.produced]
    return [*holdout.by, *derived]
