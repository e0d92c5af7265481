"""A trained tagger for raw sentences."""

import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from pipeline.families.tagging.data.tagged import TaggingSchema, load_split

from pipeline.storage import new_file
from pipeline.tasks import MODEL, Column, Embedding, Predictor, TaskError

if TYPE_CHECKING:
    from pipeline.models.bundle_spec import BundleSpec


class TaggingPredictor(Predictor):
    @classmethod
    def load(cls, folder: Path) -> Self:
        from pipeline.models import load_model

        return cls(TaggingSchema.load(folder), load_model(folder / MODEL))

    def columns(self) -> list[Column]:
        return [Column("sentence", False)]

    def outputs(self) -> list[Column]:
        return [Column("tags", False)]

    def example(self, processed: Path) -> list[dict[str, Any]]:
        words, _ = load_split(processed, "test")
        return [{"sentence": " ".join(self.schema.words[word - 1] for word in row if word)} for row in words[:3]]

    def tags(self, words: npt.NDArray[Any]) -> npt.NDArray[Any]:
        found: npt.NDArray[Any] = self.model.predict_on_batch({"words": words})[..., 1:].argmax(axis=-1) + 1
        return found

    def tagged(self, sentences: list[str]) -> list[str]:
        words = [sentence.split() for sentence in sentences]
        rows = self.tags(self.schema.encode(words, self.schema.words))
        return [
            " ".join(self.schema.tags[tag - 1] for tag in row[: len(sentence)])
            for row, sentence in zip(rows, words, strict=True)
        ]

    def __call__(self, rows: pa.Table) -> pa.Table:
        return pa.table({"tags": self.tagged(rows["sentence"].to_pylist())})

    def predict_file(self, source: Path, output: Path, options: Mapping[str, Any]) -> int:
        lines = source.read_text(encoding="utf-8").splitlines()
        with new_file(output) as target:
            target.write("".join(f"{line}\n" for line in self.tagged(lines)).encode())
        return len(lines)

    def predict_stream(self, options: Mapping[str, Any]) -> int:
        lines = sys.stdin.read().splitlines()
        print("\n".join(self.tagged(lines)))
        return len(lines)

    def batches(self, source: Path, size: int) -> Iterator[dict[str, npt.NDArray[Any]]]:
        lines = [line.split() for line in source.read_text(encoding="utf-8").splitlines()]
        for start in range(0, len(lines), size):
            yield {"words": self.schema.encode(lines[start : start + size], self.schema.words)}

    def embedded(self) -> list[str]:
        return ["word"]

    def unit_names(self) -> dict[str, list[str]]:
        return {}

    def embedding(self, name: str) -> Embedding:
        if name != "word":
            raise TaskError(f"no embeddings of {name!r}; there is word")
        vectors = np.asarray(self.model.get_layer("embedding").embeddings)
        return Embedding(name, ["(unknown)", *self.schema.words], vectors)

    def bundle(self) -> "BundleSpec":
        from pipeline.models.bundle_spec import BundleSpec

        facts = {"words": self.schema.words, "tags": self.schema.tags, "max_length": self.schema.max_length}
        return BundleSpec(self.schema.task, {"network": self.model}, facts)

    def bundle_example(self, rows: list[dict[str, Any]]) -> dict[str, Any]:
        sentences = [row["sentence"] for row in rows]
        return {"input": sentences, "output": self.tagged(sentences)}
