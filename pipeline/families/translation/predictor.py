"""Prediction from raw sentences with a trained translation network."""

import dataclasses
import os
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pipeline.config import no_such
from pipeline.data import DataError
from pipeline.data.utf8 import decoded, waiting_lines
from pipeline.families.translation.data.pairs import read_sentences
from pipeline.families.translation.data.schema import SIDES, CorpusSchema
from pipeline.families.translation.data.search_file import read_search
from pipeline.families.translation.data.sentences import Sentences, padded
from pipeline.families.translation.data.tokenizing import PLAIN
from pipeline.families.translation.data.tokens import START
from pipeline.families.translation.data.vocabulary import Vocabulary
from pipeline.families.translation.models.translate import GREEDY, SearchSettings, most_words
from pipeline.families.translation.models.translator import Translator, is_trimmed
from pipeline.storage import new_file
from pipeline.tasks.column import Column
from pipeline.tasks.predictor import Embedding, Predictor
from pipeline.tasks.task import MODEL, TaskError

if TYPE_CHECKING:
    import keras

    from pipeline.families.translation.models.search import Translation
    from pipeline.models.bundle_spec import BundleSpec

LAYERS = "pipeline.families.translation.models.networks"
"""The module that registers the networks' own layers with Keras."""
LINES = 1000
"""Number of lines that are translated at a time, then written."""
SHOW_SECONDS = 10.0
"""Time between two lines that show the progress."""
PREDICTIONS = SearchSettings(beam=5, length_penalty=0.6, min_length=1)
"""The search of conf/evaluate/translation.yaml."""
Numbers = npt.NDArray[np.int32]


class TranslationPredictor(Predictor):
    """A translation network that takes raw sentences.

    Args:
        schema: The schema of the corpus the network was trained on.
        model: The trained network.
        search: The search of the experiment.
    """

    is_sequence_model = True

    def __init__(self, schema: CorpusSchema, model: "keras.Model", search: SearchSettings = PREDICTIONS) -> None:
        super().__init__(schema, model)
        self.search = search

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Load a folder that `TrainingTask.save` wrote.

        Raises:
            DataError: If the vocabularies do not belong to the network.
        """
        from pipeline.models import load_model

        schema, model = CorpusSchema.load(folder), load_model(folder / MODEL, LAYERS)
        known = tuple(model.get_layer(f"{side}_embedding").embeddings.shape[0] for side in SIDES)
        if known != schema.words:
            raise DataError(
                f"{folder}: the network has vocabularies of {known[0]:,} and {known[1]:,} words, schema.json "
                f"{schema.words[0]:,} and {schema.words[1]:,}: the files are from different trainings; "
                "copy all files from one training's folder"
            )
        schema.vocabularies  # noqa: B018  (load now, so that a wrong vocabulary is reported before translating)
        return cls(schema, model, read_search(folder))

    @cached_property
    def translator(self) -> Translator:
        """The network combined with its vocabularies."""
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
        translated = self.translator.translated(texts, self.search)
        return pa.table(
            {
                "translation": [self.translator.text(nbest[0]) if nbest else "" for nbest in translated],
                "score": pa.array([nbest[0].score if nbest else 0.0 for nbest in translated], pa.float32()),
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
            "length_penalty": self.search.length_penalty,
            "changing": sorted(set(inference.decoder.output) & {tensor.name for tensor in inference.decoder.inputs}),
        }
        tokenizers = zip(SIDES, self.schema.text_tokenizers, strict=True)
        learned = {f"{side}.pieces": tokenizer.learned for side, tokenizer in tokenizers}
        files = {name: content for name, content in learned.items() if content is not None}
        networks = {"encoder": inference.encoder, "decoder": inference.decoder}
        # Fixed lengths: the longest training sentence, and room for the longest translation of it.
        longest = self.schema.lengths[0]
        fixed_inference = inference_of(self.model, (longest, most_words(longest) + 1))
        fixed_networks = {"encoder": fixed_inference.encoder, "decoder": fixed_inference.decoder}
        fixed = BundleSpec(self.schema.task, fixed_networks, facts | {"source_length": longest}, files)
        return BundleSpec(self.schema.task, networks, facts, files, fixed, page_fault=self._page_fault())

    def _page_fault(self) -> str | None:
        if learned := [name for name in self.schema.tokenizers if name not in PLAIN]:
            return (
                f"the page cannot tokenize with sentencepiece ({learned[0]}); export to numpy, onnx or litert "
                f"instead, or set data.tokenizer to one of {', '.join(PLAIN)} and train again"
            )
        return None

    def bundle_example(self, rows: list[dict[str, Any]]) -> dict[str, Any]:
        texts = [row["source"] for row in rows]
        output = [
            [[self.translator.text(translation), translation.score] for translation in nbest]
            for nbest in self.translator.translated(
                texts, dataclasses.replace(self.search, beam=5, best=1, min_length=1, max_length=0)
            )
        ]
        return {"input": texts, "output": output}

    def predict_file(self, source: Path, output: Path, options: Mapping[str, Any]) -> int:
        best, search, count = options.get("nbest"), self._search(options), 0
        sentences, shown = read_sentences(source), time.monotonic()
        with new_file(output) as target:
            for start in range(0, len(sentences), LINES):
                lines = sentences[start : start + LINES]
                for number, nbest in enumerate(self.translator.translated(lines, search), start=count + 1):
                    target.write(self._format(number, nbest, best).encode())
                count += len(lines)
                if time.monotonic() - shown > SHOW_SECONDS:
                    print(f"{count:,} of {len(sentences):,} sentences", file=sys.stderr, flush=True)
                    shown = time.monotonic()
        return count

    def predict_stream(self, options: Mapping[str, Any]) -> int:
        best, search, count = options.get("nbest"), self._search(options), 0
        try:
            for lines in waiting_lines(sys.stdin.buffer, LINES):
                texts = [decoded(raw, "standard input", count + i).strip() for i, raw in enumerate(lines, start=1)]
                for number, nbest in enumerate(self.translator.translated(texts, search), start=count + 1):
                    sys.stdout.write(self._format(number, nbest, best))
                sys.stdout.flush()
                count += len(lines)
        except BrokenPipeError:  # the reader closed the pipe; without this, Python reports it again at exit
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return count

    def batches(self, source: Path, size: int) -> Iterator[dict[str, npt.NDArray[Any]]]:
        for lines in _chunks(source, size):
            if filled := [words for line in lines if (words := self.translator.words(line))]:
                numbers = [self.schema.vocabularies[0].numbers(words) for words in filled]
                encoded = self.translator.fit_width(padded(numbers))
                translated = self.translator.search(encoded, GREEDY)
                targets = [[START, *nbest[0].words] for nbest in translated]
                width = None if is_trimmed(self.model) else self.schema.lengths[1]
                yield {"source": encoded, "target": padded([target[:width] for target in targets], width)}

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

    def _search(self, options: Mapping[str, Any]) -> SearchSettings:
        best = options.get("nbest") or 1
        return dataclasses.replace(self.search, beam=max(options.get("beam") or self.search.beam, best), best=best)

    def _format(self, number: int, nbest: Sequence["Translation"], best: int | None) -> str:
        """Return the output lines of sentence `number`; only its first translation if `best` is None."""
        if best is None:
            return f"{self.translator.text(nbest[0]) if nbest else ''}\n"
        lines = [f"{number}\t{each.score:.4f}\t{self.translator.text(each)}\n" for each in nbest]
        return "".join(lines) or f"{number}\t\t\n"


def _chunks(source: Path, size: int) -> Iterator[list[str]]:
    lines = read_sentences(source)
    for start in range(0, len(lines), size):
        yield lines[start : start + size]
