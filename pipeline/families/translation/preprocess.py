"""Preparation of a parallel corpus."""

from collections.abc import Sequence

from pipeline.families.translation.data.prepare import prepare_corpus
from pipeline.families.translation.data.schema import CorpusSchema
from pipeline.storage import AUDIT, PROCESSED, RAW, write_json, write_text
from pipeline.tasks import PreprocessTask, report_warnings


class PreprocessCorpus(PreprocessTask):
    """Clean, split and encode the sentence pairs of a corpus."""

    def run(self) -> str:
        """Write `data/processed` and the audit; return a summary."""
        schema, warnings = prepare_corpus(self.config.data, self.prepared, RAW, PROCESSED, self.config.task)
        write_json(AUDIT, {"pairs": schema.pairs, "left_out": schema.left_out, "warnings": warnings})
        write_text(AUDIT.with_suffix(".md"), _page(self.config.name, schema, warnings))
        report_warnings(warnings)
        pairs = ", ".join(f"{name} {count:,}" for name, count in schema.pairs.items())
        left_out = ", ".join(f"{count:,} {reason}" for reason, count in schema.left_out.items())
        return (
            f"{' to '.join(schema.languages)}; vocabularies of {schema.words[0]:,} and {schema.words[1]:,} words; "
            f"pairs: {pairs}; left out: {left_out or 'none'}"
        )


def _page(name: str, schema: CorpusSchema, warnings: Sequence[dict[str, str]]) -> str:
    lines = [f"# {name}: the corpus", "", "| split | pairs |", "|---|---|"]
    lines += [f"| {split} | {count:,} |" for split, count in schema.pairs.items()]
    lines += ["", "| left out | pairs |", "|---|---|"]
    lines += [f"| {reason} | {count:,} |" for reason, count in schema.left_out.items()] or ["| nothing | |"]
    lines += ["", "| side | language | words | longest sentence, start and end included |", "|---|---|---|---|"]
    rows = zip(("source", "target"), schema.languages, schema.words, schema.lengths, strict=True)
    lines += [f"| {side} | {language} | {words:,} | {length} |" for side, language, words, length in rows]
    lines += ["", *(f"- {warning['subject']}: {warning['text']}" for warning in warnings)]
    return "\n".join(lines).rstrip() + "\n"
