"""Derive warnings from an audit."""

from collections.abc import Iterator
from dataclasses import dataclass

from pipeline.families.table.data.audit.audit import Audit
from pipeline.families.table.data.audit.columns import ColumnAudit

ALONE = 0.94
"""AUC of a single column, by the lower end of its interval, from which on it predicts nearly everything."""
DETERMINED, DETERMINED_AT_LEAST = 0.99, 0.975
"""Share of rows that one column alone predicts correctly, and the lower end of the share's interval, provided that at
most a tenth of the errors remain."""
MOST = 0.5
"""Share of the rows that have the most frequent value from which on a column does not divide the rows into groups."""
CONSTANT = 0.5
"""Share of a column's values with one class only, corrected for chance."""
REPEATED, REPEATED_ALONE = 30, 100
"""Values with several rows that a column needs to count as names, of persons or shops: if most have one class each, and
if they predict the target. A column with fewer counts as the target itself.
"""
SHARED = 0.2
"""Share of held-out rows whose value occurs in training, from which on such values are a shortcut."""
DOUBLES, DOUBLES_BY_CHANCE = 0.01, 3.0
"""Share of held-out rows that equal a training row, absolute and as a multiple of the share expected by chance."""
UNSEEN, ALWAYS = 0.2, 0.999
DRIFT, DRIFT_BY_CHANCE = 0.25, 4.0
"""Stability index, absolute and as a multiple of the index expected by chance."""


@dataclass(frozen=True)
class Finding:
    """A warning.

    Attributes:
        kind: One of leak, group, split, doubles, ids, unseen, drift, constant and case.
        subject: The column, split or file that the warning is about.
        text: The problem and what to do about it.
    """

    kind: str
    subject: str
    text: str


def findings(audit: Audit) -> list[Finding]:
    """Return the warnings, the most severe first."""
    warnings = [*_rows(audit)]
    for column in audit.columns:
        warnings += _column(column, audit)
    order = ["leak", "group", "split", "doubles", "ids", "unseen", "drift", "constant", "case"]
    return sorted(warnings, key=lambda warning: order.index(warning.kind))


def _rows(audit: Audit) -> Iterator[Finding]:
    for share in {share.part: share for share in reversed(audit.lopsided)}.values():
        rows = "rows" if share.label is None else f"rows of class {share.label}"
        yield Finding(
            "split",
            share.part,
            f"{share.rows:,} of {share.total:,} {rows} ({share.rows / share.total:.1%}), asked for were "
            f"{share.expected / share.total:.1%}: groups or times differ in size. Try another data.split_seed, or name "
            "finer groups in data.split_by",
        )
    for split, part in audit.doubles.items():
        if part >= max(DOUBLES, DOUBLES_BY_CHANCE * audit.doubles_by_chance):
            yield Finding(
                "doubles",
                split,
                f"{part:.1%} of the {split} rows equal a training row in every feature: the network may have "
                "memorised their targets. Remove the duplicates, or split by what they have in common "
                "(data.split=group)",
            )
    yield from (case(name, groups) for name, groups in audit.cases.items())
    for file, (count, lines) in audit.repeated_ids.items():
        yield Finding(
            "ids", file, f"{count:,} ids occur in several rows, the first in lines {', '.join(map(str, lines))}"
        )


def case(column: str, groups: list[list[str]]) -> Finding:
    """Return the warning of values that differ only in case."""
    examples = " and ".join(map(repr, groups[0][:3]))
    return Finding(
        "case",
        column,
        f"{examples} differ only in upper and lower case, and count as different values ({len(groups):,} such groups); "
        "if they mean the same, write them alike",
    )


def _column(column: ColumnAudit, audit: Audit) -> Iterator[Finding]:
    name, is_feature = column.name, column.kind != "none"
    group = _group(column, audit.kind)
    if group:
        yield group
    elif is_feature and name not in audit.calendar:  # a date is known beforehand
        yield from _leak(column, audit.kind)
    if not is_feature:
        return
    if name not in audit.by_design:
        yield from _differences(column)
    if column.most_frequent >= ALWAYS:
        yield Finding(
            "constant", name, f"the same in {column.most_frequent:.2%} of the training rows; remove it with data.drop"
        )


def _differences(column: ColumnAudit) -> Iterator[Finding]:
    for split, share in column.unseen.items():
        if share >= UNSEEN:
            yield Finding(
                "unseen",
                column.name,
                f"{share:.0%} of the {split} rows have a value that no training row has",
            )
    for split, index in column.drift.items():
        if index >= max(DRIFT, DRIFT_BY_CHANCE * column.drift_by_chance[split]):
            yield Finding(
                "drift",
                column.name,
                f"the {split} rows are distributed differently from the training rows (stability index {index:.2f}; "
                f"above {DRIFT} indicates strong drift)",
            )


def _group(column: ColumnAudit, kind: str) -> Finding | None:
    if column.constant is None or column.constant_by_chance is None:
        return None
    if column.repeated < REPEATED or column.known < SHARED or column.most_frequent >= MOST:
        return None
    certain = column.constant_low if column.constant_low is not None else 0.0
    beyond = (certain - column.constant_by_chance) / max(1 - column.constant_by_chance, 1e-9)
    if beyond >= CONSTANT and (kind != "regression" or column.repeated >= REPEATED_ALONE):
        reason = (
            f"{column.constant:.0%} of its {column.repeated:,} values with several rows have the same target in all of "
            f"them (by chance {column.constant_by_chance:.0%})"
        )
    elif _predicts_alone(column) and column.kind != "numeric" and column.repeated >= REPEATED_ALONE:
        reason = f"its values predict the target almost on their own (AUC {column.auc:.3f} on the validation rows)"
    else:
        return None
    return Finding(
        "group",
        column.name,
        f"{reason}, and {column.known:.0%} of the test rows have a value that also occurs in training: scores on them "
        f"will not generalise to unseen values. To hold out whole groups, set data.split=group "
        f"data.split_by=[{column.name}]. If its value is known only after the target, set data.drop=[{column.name}]",
    )


def determines(column: ColumnAudit) -> bool:
    """Return whether a column is the target in another form."""
    if column.accuracy < DETERMINED or column.accuracy_low < DETERMINED_AT_LEAST:
        return False
    return 1 - column.accuracy <= (1 - column.accuracy_without) / 10


def _predicts_alone(column: ColumnAudit) -> bool:
    return column.auc_low is not None and column.auc_low >= ALONE


def _leak(column: ColumnAudit, kind: str) -> Iterator[Finding]:
    halves = " for the upper half of the amounts" if kind == "regression" else ""
    if determines(column):
        yield Finding(
            "leak",
            column.name,
            f"determines the target: it alone predicts {column.accuracy:.2%} of the {column.rows:,} validation rows "
            f"correctly ({column.accuracy_without:.0%} without it). If its value is known only after the target, set "
            f"data.drop=[{column.name}]",
        )
    elif _predicts_alone(column):
        yield Finding(
            "leak",
            column.name,
            f"predicts the target almost on its own: AUC {column.auc:.3f} ({column.auc_low:.3f} to "
            f"{column.auc_high:.3f}){halves} on the {column.rows:,} validation rows. If its value is known only after "
            f"the target, set data.drop=[{column.name}]",
        )
