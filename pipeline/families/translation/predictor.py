"""A trained network of the translation family, for raw sentences: what a prediction needs, and no more."""

import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pipeline.config import no_such
from pipeline.data import DataError
from pipeline.data.utf8 import decoded
from pipeline.families.translation.data.pairs import read_sentences
from pipeline.families.translation.data.schema import SIDES, CorpusSchema
from pipeline.families.translation.data.sentences import Sentences, padded
from pipeline.families.translation.data.tokenizing import PLAIN
from pipeline.families.translation.data.tokens import START
from pipeline.families.translation.data.vocabulary import Vocabulary
from pipeline.families.translation.models.translate import most_words
from pipeline.families.translation.models.translator import LENGTH_PENALTY, Translator, beam_search_settings, is_trimmed
from pipeline.storage import new_file
from pipeline.tasks.column import Column
from pipeline.tasks.predictor import Embedding, Predictor
from pipeline.tasks.task import MODEL, TaskError

if TYPE_CHECKING:
    from pipeline.families.translation.models.search import Translation
    from pipeline.families.translation.models.translate import SearchSettings
    from pipeline.models.bundle_spec import BundleSpec

LINES = 1000
"""Lines read and translated before they are written."""
Numbers = npt.NDArray[np.int32]


class TranslationPredictor(Predictor):
    """A network that takes raw sentences.

    Args:
        schema: Of the corpus that it was made for.
        model: The network.
    """

    is_sequence_model = True

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Load what `TrainingTask.save` wrote.

        Raises:
            DataError: The vocabularies are not those of the network.
        """
        from pipeline.families.translation.models import networks  # noqa: F401  (registers its layers with Keras)
        from pipeline.models import load_model

        schema, model = CorpusSchema.load(folder), load_model(folder / MODEL)
        known = tuple(model.get_layer(f"{side}_embedding").embeddings.shape[0] for side in SIDES)
        if known != schema.words:
            raise DataError(
                f"{folder}: the network knows {known[0]:,} and {known[1]:,} words, schema.json says "
                f"{schema.words[0]:,} and {schema.words[1]:,}: they are of two trainings; take all files of one folder"
            )
        schema.vocabularies  # noqa: B018  (read now: a wrong one is told before anything is translated)
        return cls(schema, model)

    @cached_property
    def translator(self) -> Translator:
        """The network with its vocabularies."""
        return Translator(self.schema, self.model)

    def columns(self) -> list[Column]:
        return [Column("source", False)]

    def outputs(self) -> list[Column]:
        return [Column("translation", False), Column("score", True)]

    def example(self, processed: Path) -> list[dict[str, Any]]:
        return [{"source": text} for text in Sentences.load(processed / "test").source_text[:3]]

    def __call__(self, rows: pa.Table) -> pa.Table:
        """Translate the column `source`."""
        if "source" not in rows.column_names:
            raise DataError(f"no column 'source' ({', '.join(rows.column_names)})")
        texts = [text or "" for text in rows["source"].to_pylist()]
        found = self.translator.translated(texts, beam_search_settings(5))
        return pa.table(
            {
                "translation": [self.translator.text(each[0]) if each else "" for each in found],
                "score": pa.array([each[0].score if each else 0.0 for each in found], pa.float32()),
            }
        )

    def bundle(self) -> "BundleSpec":
        from pipeline.families.translation.models.networks import inference_of
        from pipeline.models.bundle_spec import BundleSpec

        inference = inference_of(self.model)
        facts: dict[str, Any] = {
            "vocabularies": [vocabulary.words for vocabulary in self.schema.vocabularies],
            "tokenizers": self.schema.tokenizers,
            "lowercase": self.schema.lowercase,
            "max_tokens": self.schema.max_tokens,
            "source_length": None if is_trimmed(self.model) else self.schema.lengths[0],
            "length_penalty": LENGTH_PENALTY,
            "changing": sorted(set(inference.decoder.output) & {tensor.name for tensor in inference.decoder.inputs}),
        }
        learned = {f"{side}.pieces": each.learned for side, each in zip(SIDES, self.schema.cutters, strict=True)}
        files = {name: content for name, content in learned.items() if content is not None}
        networks = {"encoder": inference.encoder, "decoder": inference.decoder}
        # Sentences as long as the longest of training; as much room as a search of one of them may take.
        longest = self.schema.lengths[0]
        fixed = inference_of(self.model, (longest, most_words(longest) + 1))
        of_fixed = {"encoder": fixed.encoder, "decoder": fixed.decoder}
        same = BundleSpec(self.schema.task, of_fixed, facts | {"source_length": longest}, files)
        return BundleSpec(self.schema.task, networks, facts, files, same, page_fault=self._page_fault())

    def _page_fault(self) -> str | None:
        if learned := [name for name in self.schema.tokenizers if name not in PLAIN]:
            return (
                f"the page cannot cut words into sentencepiece's pieces ({learned[0]}); the formats numpy, onnx and "
                f"litert can; data.tokenizer also takes {', '.join(PLAIN)}"
            )
        return None

    def bundle_example(self, rows: list[dict[str, Any]]) -> dict[str, Any]:
        texts = [row["source"] for row in rows]
        found = [
            [[self.translator.text(best), best.score] for best in each]
            for each in self.translator.translated(texts, beam_search_settings(5))
        ]
        return {"input": texts, "output": found}

    def predict_file(self, source: Path, output: Path, options: Mapping[str, Any]) -> int:
        best, search, count = options.get("nbest"), _asked(options), 0
        with new_file(output) as target:
            for lines in _chunks(source, LINES):
                for place, found in enumerate(self.translator.translated(lines, search), start=count + 1):
                    target.write(self._shown(place, found, best).encode())
                count += len(lines)
        return count

    def predict_stream(self, options: Mapping[str, Any]) -> int:
        best, search, count = options.get("nbest"), _asked(options), 0
        try:
            for count, raw in enumerate(sys.stdin.buffer, start=1):
                text = decoded(raw, "standard input", count).strip()
                sys.stdout.write(self._shown(count, self.translator.translated([text], search)[0], best))
                sys.stdout.flush()
        except BrokenPipeError:  # whoever read has seen enough; Python would complain once more at its end
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return count

    def batches(self, source: Path, size: int) -> Iterator[dict[str, npt.NDArray[Any]]]:
        for lines in _chunks(source, size):
            if filled := [words for line in lines if (words := self.translator.words(line))]:
                numbers = [self.schema.vocabularies[0].numbers(words) for words in filled]
                given = self.translator.cut(padded(numbers))
                written = [[START, *each[0].words] for each in self.translator.search(given, beam_search_settings(1))]
                width = None if is_trimmed(self.model) else self.schema.lengths[1]
                yield {"source": given, "target": padded([each[:width] for each in written], width)}

    def embedded(self) -> list[str]:
        return list(SIDES)

    def unit_names(self) -> dict[str, list[str]]:
        return {}

    def embedding(self, name: str) -> Embedding:
        if name not in SIDES:
            raise TaskError(f"no embeddings of {no_such([name], SIDES)}")
        vocabulary: Vocabulary = self.schema.vocabularies[SIDES.index(name)]
        vectors = np.asarray(self.model.get_layer(f"{name}_embedding").embeddings)
        return Embedding(name, vocabulary.words, vectors)

    def _shown(self, place: int, found: Sequence["Translation"], best: int | None) -> str:
        if best is None:
            return f"{self.translator.text(found[0]) if found else ''}\n"
        lines = [f"{place}\t{each.score:.4f}\t{self.translator.text(each)}\n" for each in found]
        return "".join(lines) or f"{place}\t\t\n"


def _asked(options: Mapping[str, Any]) -> "SearchSettings":
    best = options.get("nbest") or 1
    return beam_search_settings(max(options.get("beam") or 5, best), best)


def _chunks(source: Path, size: int) -> Iterator[list[str]]:
    lines = read_sentences(source)
    for start in range(0, len(lines), size):
        yield lines[start : start + size]
