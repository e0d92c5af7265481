"""Numbers words and tags, and splits the sentences."""

from pipeline.families.tagging.data.tagged import prepare

from pipeline.storage import AUDIT, PROCESSED, RAW, write_json, write_text
from pipeline.tasks import PreprocessTask


class PreprocessTags(PreprocessTask):
    def run(self) -> str:
        schema = prepare(self.config.data, self.prepared, RAW, PROCESSED, self.config.task)
        write_json(AUDIT, {"sentences": schema.sentences, "warnings": []})
        write_text(AUDIT.with_suffix(".md"), f"# {self.config.name}\n")
        return f"{len(schema.words)} words, {len(schema.tags)} tags"
