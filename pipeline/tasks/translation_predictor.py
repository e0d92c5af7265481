"""A trained network of the translation family, for raw sentences: what a prediction needs, and no more."""

import dataclasses
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
from pipeline.data.corpora import PADDING, SIDES, START, CorpusSchema, Vocabulary, fitted, padded, read_sentences
from pipeline.data.utf8 import decoded
from pipeline.portable.translate import most_words
from pipeline.storage import new_file
from pipeline.tasks.predictor import MODEL, Embedding, Predictor, TaskError

if TYPE_CHECKING:
    import keras

    from pipeline.decoding import KerasDecoder, SearchSettings, Translation
    from pipeline.exporting import Portable

LOGITS = 2**26
"""Logits worked out at a time: a quarter of a gigabyte."""
LENGTH_PENALTY = 0.6
"""Of a prediction with a beam, as committed in `conf/evaluate/translation.yaml`."""
LINES = 1000
"""Lines read and translated before they are written."""
Numbers = npt.NDArray[np.int32]


class TranslationPredictor(Predictor):
    """A network that takes raw sentences.

    Args:
        schema: Of the corpus that it was made for.
        model: The network.
    """

    options = ("beam", "nbest")
    has_sentences = True

    def __init__(self, schema: CorpusSchema, model: "keras.Model") -> None:
        self._schema, self.model = schema, model

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Load what `TranslationTask.save` wrote.

        Raises:
            DataError: The vocabularies are not those of the network.
        """
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

    def __call__(self, rows: pa.Table) -> pa.Table:
        """Translate the column `source`."""
        if "source" not in rows.column_names:
            raise DataError(f"no column 'source' ({', '.join(rows.column_names)})")
        texts = [text or "" for text in rows["source"].to_pylist()]
        found = self.translated(texts, _beam(5))
        return pa.table(
            {
                "translation": [self._text(each[0]) if each else "" for each in found],
                "score": pa.array([each[0].score if each else 0.0 for each in found], pa.float32()),
            }
        )

    def portable(self) -> "Portable":
        from pipeline.exporting import Portable
        from pipeline.models import inference_of

        inference = inference_of(self.model)
        facts: dict[str, Any] = {
            "vocabularies": [vocabulary.words for vocabulary in self._schema.vocabularies],
            "tokenizers": self._schema.tokenizers,
            "lowercase": self._schema.lowercase,
            "max_tokens": self._schema.max_tokens,
            "source_length": None if is_trimmed(self.model) else self._schema.lengths[0],
            "length_penalty": LENGTH_PENALTY,
            "changing": sorted(set(inference.decoder.output) & {tensor.name for tensor in inference.decoder.inputs}),
        }
        learned = {f"{side}.pieces": each.learned for side, each in zip(SIDES, self._schema.cutters, strict=True)}
        files = {name: content for name, content in learned.items() if content is not None}
        networks = {"encoder": inference.encoder, "decoder": inference.decoder}
        # Sentences as long as the longest of training; as much room as a search of one of them may take.
        longest = self._schema.lengths[0]
        fixed = inference_of(self.model, (longest, most_words(longest) + 1))
        of_fixed = {"encoder": fixed.encoder, "decoder": fixed.decoder}
        same = Portable(self._schema.task, of_fixed, facts | {"source_length": longest}, files)
        return Portable(self._schema.task, networks, facts, files, same)

    def bundled(self, rows: list[dict[str, Any]]) -> dict[str, Any]:
        texts = [row["source"] for row in rows]
        found = [[[self._text(best), best.score] for best in each] for each in self.translated(texts, _beam(5))]
        return {"input": texts, "output": found}

    def predict_file(self, source: Path, output: Path, options: Mapping[str, Any]) -> int:
        best, search, count = options.get("nbest"), _asked(options), 0
        with new_file(output) as target:
            for lines in _chunks(source, LINES):
                for place, found in enumerate(self.translated(lines, search), start=count + 1):
                    target.write(self._shown(place, found, best).encode())
                count += len(lines)
        return count

    def predict_stream(self, options: Mapping[str, Any]) -> int:
        best, search, count = options.get("nbest"), _asked(options), 0
        try:
            for count, raw in enumerate(sys.stdin.buffer, start=1):
                text = decoded(raw, "standard input", count).strip()
                sys.stdout.write(self._shown(count, self.translated([text], search)[0], best))
                sys.stdout.flush()
        except BrokenPipeError:  # whoever read has seen enough; Python would complain once more at its end
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return count

    def translated(self, texts: Sequence[str], search: "SearchSettings") -> list[list["Translation"]]:
        """Translate sentences; an empty one has no translation, one that is too long is cut and told."""
        numbers, filled = [], []
        for place, text in enumerate(texts):
            words = self._words(text)
            if words:
                filled.append(place)
                numbers.append(self._schema.vocabularies[0].numbers(words))
        found: list[list[Translation]] = [[] for _ in texts]
        if numbers:
            for place, each in zip(filled, self._search(self._cut(padded(numbers)), search), strict=True):
                found[place] = each
        return found

    def texts(self, source: Numbers, search: "SearchSettings | None" = None) -> list[str]:
        """Translate sentences given as numbers, greedily unless told otherwise; return text."""
        return [self._text(each[0]) if each else "" for each in self._search(self._cut(source), search or _beam(1))]

    def word_scores(self, source: Numbers, target: Numbers) -> npt.NDArray[np.float64]:
        """Score the prediction of each word, given the reference before it.

        Returns:
            Words to predict, how many of them right, sum of their losses: `(3, sentences)`.
        """
        trimmed = is_trimmed(self.model)
        lengths = (target != PADDING).sum(axis=1)
        order, found = np.argsort(lengths, kind="stable"), np.zeros((3, len(source)))
        widest = int(lengths.max()) if trimmed else target.shape[1]
        size = max(1, LOGITS // (widest * self._schema.words[1]))
        for start in range(0, len(order), size):
            rows = order[start : start + size]
            before, wanted = source[rows], target[rows]
            if trimmed:
                before = before[:, : int((before != PADDING).sum(axis=1).max())]
                wanted = wanted[:, : int(lengths[rows].max())]
            found[:, rows] = [part.numpy() for part in self._score_graph(before, wanted)]
        return found

    def looks(self, texts: Sequence[str]) -> Iterator[tuple[list[str], list[str], npt.NDArray[np.float32]]]:
        """Give the words of each sentence, of its translation, and where the network looked; nothing if it does not."""
        search = dataclasses.replace(_beam(1), attention=True)
        for text, found in zip(texts, self.translated(texts, search), strict=True):
            if found and found[0].attention is not None:
                words = ["<start>", *self._words(text), "<end>"]
                written = [self._schema.vocabularies[1].words[number] for number in found[0].words]
                yield words, [*written, "<end>"][: len(found[0].attention)], found[0].attention[:, : len(words)]

    def batches(self, source: Path, size: int) -> Iterator[dict[str, npt.NDArray[Any]]]:
        for lines in _chunks(source, size):
            if filled := [words for line in lines if (words := self._words(line))]:
                numbers = [self._schema.vocabularies[0].numbers(words) for words in filled]
                given = self._cut(padded(numbers))
                written = [[START, *each[0].words] for each in self._search(given, _beam(1))]
                width = None if is_trimmed(self.model) else self._schema.lengths[1]
                yield {"source": given, "target": padded([each[:width] for each in written], width)}

    def embedded(self) -> list[str]:
        return list(SIDES)

    def unit_names(self) -> dict[str, list[str]]:
        return {}

    def embedding(self, name: str) -> Embedding:
        if name not in SIDES:
            raise TaskError(f"no embeddings of {no_such([name], SIDES)}")
        vocabulary: Vocabulary = self._schema.vocabularies[SIDES.index(name)]
        vectors = np.asarray(self.model.get_layer(f"{name}_embedding").embeddings)
        return Embedding(name, vocabulary.words, vectors)

    @cached_property
    def decoder(self) -> "KerasDecoder":
        """The two networks of inference, as the search takes them."""
        from pipeline.decoding import KerasDecoder
        from pipeline.models import inference_of

        return KerasDecoder(inference_of(self.model))

    @cached_property
    def _score_graph(self) -> Any:
        import tensorflow as tf

        trimmed = is_trimmed(self.model)

        def run(source: Any, target: Any) -> Any:
            logits = tf.cast(self.model({"source": source, "target": target[:, :-1]}, training=False), tf.float32)
            wanted = target[:, 1:]
            kept = tf.cast(wanted != PADDING, tf.float32) if trimmed else tf.ones(tf.shape(wanted))
            loss = tf.nn.sparse_softmax_cross_entropy_with_logits(wanted, logits) * kept
            right = tf.cast(tf.argmax(logits, -1, tf.int32) == wanted, tf.float32) * kept
            return [tf.reduce_sum(part, axis=1) for part in (kept, right, loss)]

        sentences = tf.TensorSpec([None, None], tf.int32)
        return tf.function(run, input_signature=[sentences, sentences], autograph=False)

    def _search(self, source: Numbers, search: "SearchSettings") -> list[list["Translation"]]:
        from pipeline.decoding import translate

        return translate(self.decoder, source, search, trimmed=is_trimmed(self.model))

    def _words(self, text: str) -> list[str]:
        """Cut a sentence into words, of one that is too long the first; that is told."""
        words, limit, why = self._schema.tokens(text), self._schema.max_tokens, "data.max_tokens"
        if not is_trimmed(self.model):
            limit, why = self._schema.lengths[0] - 2, "the length of all sentences of this network"
        if len(words) > limit:
            print(f"a sentence of {len(words):,} words is cut to {limit} ({why})", file=sys.stderr)
        return words[:limit]

    def _cut(self, source: Numbers) -> Numbers:
        """Give sentences the width that a network with fixed lengths wants."""
        return source if is_trimmed(self.model) else fitted(source, self._schema.lengths[0])

    def _text(self, translation: "Translation") -> str:
        return self._schema.text(translation.words)

    def _shown(self, place: int, found: Sequence["Translation"], best: int | None) -> str:
        if best is None:
            return f"{self._text(found[0]) if found else ''}\n"
        lines = [f"{place}\t{each.score:.4f}\t{self._text(each)}\n" for each in found]
        return "".join(lines) or f"{place}\t\t\n"


def is_trimmed(model: "keras.Model") -> bool:
    """Tell whether batches may be as wide as their longest sentence."""
    return model.inputs[0].shape[1] is None


def _beam(beam: int, best: int = 1) -> "SearchSettings":
    """Return the search of a prediction: the settings of `conf/evaluate/translation.yaml` as committed."""
    from pipeline.decoding import SearchSettings

    return SearchSettings(beam=beam, best=best, length_penalty=LENGTH_PENALTY if beam > 1 else 0.0, min_length=1)


def _asked(options: Mapping[str, Any]) -> "SearchSettings":
    best = options.get("nbest") or 1
    return _beam(max(options.get("beam") or 5, best), best)


def _chunks(source: Path, size: int) -> Iterator[list[str]]:
    lines = read_sentences(source)
    for start in range(0, len(lines), size):
        yield lines[start : start + size]
