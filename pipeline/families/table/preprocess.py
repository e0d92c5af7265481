"""Prepare a table."""

from pipeline.families.table.data.audit import as_dict, findings, page
from pipeline.families.table.data.columns import prepare_section
from pipeline.storage import AUDIT, PROCESSED, RAW, write_json, write_text
from pipeline.tasks import PreprocessTask, report_warnings


class PreprocessTable(PreprocessTask):
    """Joins, splits, encodes and audits a table."""

    def run(self) -> str:
        """Write `data/processed` and the audit; return a summary."""
        data = self.config.data
        schema, audit = prepare_section(data, RAW, PROCESSED, self.config.task)
        warnings = findings(audit)
        write_json(AUDIT, as_dict(audit, warnings))
        write_text(AUDIT.with_suffix(".md"), page(self.config.name, audit, warnings))
        report_warnings({"subject": warning.subject, "text": warning.text} for warning in warnings)
        rows = ", ".join(f"{name} {count:,}" for name, count in schema.rows.items())
        if data.folds > 1:
            in_folds = schema.rows["train"] + schema.rows["val"]
            rows = f"{in_folds:,} in {data.folds} folds, test {schema.rows['test']:,}"
        classes = f" ({len(schema.classes)} classes)" if schema.kind == "multiclass" else ""
        return (
            f"{schema.kind} target {data.target}{classes}; {len(schema.categorical)} categorical and "
            f"{len(schema.numeric)} numeric columns; rows: {rows}; test rows held out: {schema.held_out}; "
            f"{schema.dropped_without_target:,} rows without {data.target} dropped"
        )
