"""Format an audit for programs (JSON) and for people (Markdown)."""

from dataclasses import asdict
from typing import Any

from pipeline.config import in_markdown
from pipeline.families.table.data.audit.audit import Audit
from pipeline.families.table.data.audit.columns import UNLABELLED, ColumnAudit
from pipeline.families.table.data.audit.findings import Finding

DRIFTING = ("test", UNLABELLED)


def as_dict(audit: Audit, findings: list[Finding]) -> dict[str, Any]:
    """Return the content of `reports/audit.json`."""
    return {"warnings": [vars(finding) for finding in findings], **asdict(audit)}


def page(name: str, audit: Audit, findings: list[Finding]) -> str:
    """Return the audit as a page in Markdown."""
    rows = ", ".join(f"{split} {count:,}" for split, count in audit.rows.items())
    doubles = ", ".join(f"{split} {share:.2%}" for split, share in audit.doubles.items())
    shared = ", ".join(f"{split} {count:,}" for split, count in audit.shared_groups.items())
    warnings = [
        f"- **{finding.kind}** {in_markdown(finding.subject)}: {in_markdown(finding.text)}" for finding in findings
    ] or ["None."]
    table = [_cells(column) for column in sorted(audit.columns, key=lambda column: -(column.auc or 0))]
    return "\n".join(
        [
            f"# Audit of {name}\n",
            f"Rows: {rows}. Test rows held out: {in_markdown(audit.held_out)}.",
            f"Rows that equal a training row in every feature: {doubles} (by chance {audit.doubles_by_chance:.2%}). "
            f"Groups that also occur in training: {shared}.\n",
            "## Warnings\n",
            *warnings,
            "\n## Columns\n",
            "AUC: by this column alone, fitted on the training rows, scored on the validation rows. Constant: share of",
            "its values with several training rows that have one target only (by chance). Unseen: share of rows whose",
            "value no training row has. Drift: population stability index against the training rows.\n",
            *_markdown(table),
            "",
        ]
    )


def _cells(column: ColumnAudit) -> dict[str, str]:
    return {
        "column": in_markdown(column.name),
        "kind": column.kind,
        "values": "" if column.values is None else f"{column.values:,}",
        "missing": f"{column.missing:.1%}",
        "most frequent": f"{column.most_frequent:.1%}",
        "AUC": "" if column.auc is None else f"{column.auc:.3f}",
        "constant": "" if column.constant is None else f"{column.constant:.0%} ({column.constant_by_chance:.0%})",
        **{f"unseen {split}": _share(column.unseen, split) for split in ("val", "test", UNLABELLED)},
        **{f"drift {split}": f"{column.drift[split]:.2f}" if split in column.drift else "" for split in DRIFTING},
    }


def _share(shares: dict[str, float], split: str) -> str:
    return f"{shares[split]:.1%}" if split in shares else ""


def _markdown(rows: list[dict[str, str]]) -> list[str]:
    names = [name for name in rows[0] if any(row[name] for row in rows)]
    widths = {name: max(len(name), *(len(row[name]) for row in rows)) for name in names}

    def line(cells: dict[str, str]) -> str:
        return "| " + " | ".join(cells[name].ljust(width) for name, width in widths.items()) + " |"

    rule = line({name: "-" * width for name, width in widths.items()})
    return [line({name: name for name in names}), rule, *map(line, rows)]
