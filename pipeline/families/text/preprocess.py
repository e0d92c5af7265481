"""Preparation of a text."""

from collections.abc import Sequence

from pipeline.families.text.data.prepare import prepare_text
from pipeline.families.text.data.schema import UNKNOWN, TextSchema
from pipeline.storage import AUDIT, PROCESSED, RAW, write_json, write_text
from pipeline.tasks import PreprocessTask, report_warnings


class PreprocessText(PreprocessTask):
    """Encode the characters of a text and split it."""

    def run(self) -> str:
        """Write `data/processed` and the audit; return a summary."""
        schema, warnings = prepare_text(self.config.data, self.prepared, RAW, PROCESSED, self.config.task)
        facts = {"sha256": schema.sha256, "characters": len(schema.characters), "lengths": schema.lengths}
        write_json(AUDIT, {**facts, "rare": schema.rare, "warnings": warnings})
        write_text(AUDIT.with_suffix(".md"), _page(self.config.name, schema, warnings))
        report_warnings(warnings)
        lengths = ", ".join(f"{split} {count:,}" for split, count in schema.lengths.items())
        return f"{len(schema.characters):,} different characters; {lengths}"


def _page(name: str, schema: TextSchema, warnings: Sequence[dict[str, str]]) -> str:
    lines = [f"# {name}: the text", "", "| split | characters |", "|---|---|"]
    lines += [f"| {split} | {count:,} |" for split, count in schema.lengths.items()]
    lines += ["", f"{len(schema.characters):,} different characters. sha256 of the text: {schema.sha256}.", ""]
    if schema.rare:
        lines += [f"{schema.rare:,} occurrences of rare characters are replaced by {UNKNOWN}.", ""]
    lines += [f"- {warning['subject']}: {warning['text']}" for warning in warnings]
    return "\n".join(lines).rstrip() + "\n"
