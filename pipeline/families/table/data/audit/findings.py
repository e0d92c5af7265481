"""What an audit finds worth a warning, and the page that shows all of it."""

from collections.abc import Iterator
from dataclasses import dataclass

from pipeline.families.table.data.audit.audit import Audit
from pipeline.families.table.data.audit.columns import ColumnAudit

ALONE = 0.85
"""A column whose AUC alone is above this tells nearly everything: few honest ones do."""
DETERMINED = 0.99
"""Share of rows right by one column alone, where at most a tenth of the mistakes without it are left."""
CONSTANT = 0.5
"""Share of a column's values with one class only, chance taken off."""
REPEATED = 30
"""Values with several rows that it takes to be names, of persons or shops; fewer that tell the answer are an answer."""
SHARED = 0.2
"""Share of held-out rows whose value training knows, from which on such values are a short cut."""
DOUBLES, DOUBLES_BY_CHANCE = 0.01, 3.0
"""Share of held-out rows that equal a training row, absolute and as a multiple of what chance gives."""
UNSEEN, ALWAYS = 0.2, 0.999
DRIFT, DRIFT_BY_CHANCE = 0.25, 4.0
"""Stability index, absolute and as a multiple of what chance gives."""


@dataclass(frozen=True)
class Finding:
    """A warning.

    Attributes:
        kind: leak, group, doubles, ids, unseen, drift or constant.
        subject: Column, split or file.
        text: What it is and what to do.
    """

    kind: str
    subject: str
    text: str


def findings(audit: Audit) -> list[Finding]:
    """Return the warnings, the gravest first."""
    found = [*_rows(audit)]
    for column in audit.columns:
        found += _column(column, column.name in audit.by_design)
    order = ["leak", "group", "doubles", "ids", "unseen", "drift", "constant"]
    return sorted(found, key=lambda each: order.index(each.kind))


def _rows(audit: Audit) -> Iterator[Finding]:
    for split, share in audit.doubles.items():
        if share >= max(DOUBLES, DOUBLES_BY_CHANCE * audit.doubles_by_chance):
            yield Finding(
                "doubles",
                split,
                f"{share:.1%} of the {split} rows equal a training row in every feature: the network may know their "
                "answers by heart. Remove doubles, or split by what they have in common (data.split=group)",
            )
    for file, (count, lines) in audit.repeated_ids.items():
        yield Finding(
            "ids", file, f"{count:,} ids stand in several rows, the first in lines {', '.join(map(str, lines))}"
        )


def _column(column: ColumnAudit, differs_by_design: bool) -> Iterator[Finding]:
    name, is_feature = column.name, column.kind != "none"
    group = _group(column)
    if group:
        yield group
    elif is_feature:
        yield from _leak(column)
    if not is_feature:
        return
    if not differs_by_design:
        yield from _differences(column)
    if column.most_frequent >= ALWAYS:
        yield Finding(
            "constant", name, f"the same in {column.most_frequent:.2%} of the training rows; data.drop takes it out"
        )


def _differences(column: ColumnAudit) -> Iterator[Finding]:
    for split, share in column.unseen.items():
        if share >= UNSEEN:
            yield Finding(
                "unseen",
                column.name,
                f"{share:.0%} of the {split} rows have a value that no training row has: unknown to all",
            )
    for split, index in column.drift.items():
        if index >= max(DRIFT, DRIFT_BY_CHANCE * column.drift_by_chance[split]):
            yield Finding(
                "drift",
                column.name,
                f"the {split} rows are distributed otherwise than the training rows (stability index {index:.2f}; "
                f"above {DRIFT} is much)",
            )


def _group(column: ColumnAudit) -> Finding | None:
    if column.constant is None or column.constant_by_chance is None:
        return None
    if column.repeated < REPEATED or column.known < SHARED:
        return None
    beyond = (column.constant - column.constant_by_chance) / max(1 - column.constant_by_chance, 1e-9)
    if beyond >= CONSTANT:
        told = (
            f"all rows of a value have one target in {column.constant:.0%} of its values with several rows (by chance "
            f"{column.constant_by_chance:.0%})"
        )
    elif column.kind != "numeric" and column.auc is not None and column.auc >= ALONE:
        told = f"its values tell the target almost alone (AUC {column.auc:.3f} on the validation rows)"
    else:
        return None
    return Finding(
        "group",
        column.name,
        f"{told}, and {column.known:.0%} of the test rows have a value that training knows: a score of these is no "
        f"score of new ones. To hold them out whole: data.split=group data.split_by=[{column.name}]. If it is known "
        f"only afterwards: data.drop=[{column.name}]",
    )


def determines(column: ColumnAudit) -> bool:
    """Say whether a column is the answer, written otherwise."""
    return column.accuracy >= DETERMINED and 1 - column.accuracy <= (1 - column.accuracy_without) / 10


def _leak(column: ColumnAudit) -> Iterator[Finding]:
    alone = column.auc is not None and column.auc >= ALONE
    if determines(column):
        yield Finding(
            "leak",
            column.name,
            f"determines the target: by it alone {column.accuracy:.2%} of the validation rows are right "
            f"({column.accuracy_without:.0%} without it). If it is known only afterwards: data.drop=[{column.name}]",
        )
    elif alone:
        yield Finding(
            "leak",
            column.name,
            f"tells the target almost alone: AUC {column.auc:.3f} on the validation rows. If it is known only "
            f"afterwards: data.drop=[{column.name}]",
        )
