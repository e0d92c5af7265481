"""What an audit finds worth a warning, and the page that shows all of it."""

from collections.abc import Iterator
from dataclasses import dataclass

from pipeline.data.audit.audit import Audit
from pipeline.data.audit.columns import ColumnAudit

ALONE = 0.85
"""A column whose AUC alone is above this tells nearly everything: few honest ones do."""
DETERMINED = 0.99
"""Share of rows right by one column alone, where at most a tenth of the mistakes without it are left."""
CONSTANT = 0.5
"""Share of a column's values with one class only, chance taken off."""
REPEATED = 10
"""Values with several rows that it takes to speak of them."""
SHARED = 0.2
"""Share of held-out rows whose value training knows, from which on such values are a short cut."""
DOUBLES, UNSEEN, ALWAYS = 0.01, 0.2, 0.999
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
        found += _column(column)
    order = ["leak", "group", "doubles", "ids", "unseen", "drift", "constant"]
    return sorted(found, key=lambda each: order.index(each.kind))


def _rows(audit: Audit) -> Iterator[Finding]:
    for split, share in audit.doubles.items():
        if share >= DOUBLES:
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


def _column(column: ColumnAudit) -> Iterator[Finding]:
    name, is_feature = column.name, column.kind != "none"
    group = _group(column)
    if group:
        yield group
    elif is_feature:
        yield from _leak(column)
    if not is_feature:
        return
    for split, share in column.unseen.items():
        if share >= UNSEEN:
            yield Finding(
                "unseen", name, f"{share:.0%} of the {split} rows have a value that no training row has: unknown to all"
            )
    for split, index in column.drift.items():
        if index >= max(DRIFT, DRIFT_BY_CHANCE * column.drift_by_chance[split]):
            yield Finding(
                "drift",
                name,
                f"the {split} rows are distributed otherwise than the training rows (stability index {index:.2f}; "
                f"above {DRIFT} is much)",
            )
    if column.most_frequent >= ALWAYS:
        yield Finding(
            "constant", name, f"the same in {column.most_frequent:.2%} of the training rows; data.drop takes it out"
        )


def _group(column: ColumnAudit) -> Finding | None:
    if column.constant is None or column.constant_by_chance is None or column.repeated < REPEATED:
        return None
    beyond = (column.constant - column.constant_by_chance) / max(1 - column.constant_by_chance, 1e-9)
    known = 1 - column.unseen["test"]
    if beyond < CONSTANT or known < SHARED:
        return None
    return Finding(
        "group",
        column.name,
        f"all rows of a value have one target in {column.constant:.0%} of its values with several rows (by chance "
        f"{column.constant_by_chance:.0%}), and {known:.0%} of the test rows have a value that training knows: a score "
        f"of these is no score of new ones. To hold them out whole: data.split=group data.split_by=[{column.name}]",
    )


def _leak(column: ColumnAudit) -> Iterator[Finding]:
    alone = column.auc is not None and column.auc >= ALONE
    errors, errors_without = 1 - column.accuracy, 1 - column.accuracy_without
    if column.accuracy >= DETERMINED and errors <= errors_without / 10:
        yield Finding(
            "leak",
            column.name,
            f"determines the target: by it alone {column.accuracy:.2%} of the validation rows are right "
            f"({column.accuracy_without:.0%} without it). If it is known only afterwards: data.drop",
        )
    elif alone:
        yield Finding(
            "leak",
            column.name,
            f"tells the target almost alone: AUC {column.auc:.3f} on the validation rows. If it is known only "
            "afterwards, take it out (data.drop, or data.numeric and data.categorical)",
        )
