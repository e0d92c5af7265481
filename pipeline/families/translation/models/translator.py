"""A translation network combined with its vocabularies, to translate sentences and score references."""

import dataclasses
import sys
from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from pipeline.families.translation.data.schema import CorpusSchema
from pipeline.families.translation.data.sentences import Sentences, fitted, padded
from pipeline.families.translation.data.tokenizing import is_written
from pipeline.families.translation.data.tokens import PADDING
from pipeline.families.translation.models.search import Translation
from pipeline.families.translation.models.translate import GREEDY, SearchSettings, translate

if TYPE_CHECKING:
    import keras

    from pipeline.families.translation.models.keras_decoder import KerasDecoder

LOGITS = 2**26
"""Number of logits computed at a time: a quarter of a gigabyte."""
Numbers = npt.NDArray[np.int32]


class Translator:
    """A network that translates sentences.

    Args:
        schema: The schema of the corpus it was trained on.
        model: The network.
    """

    def __init__(self, schema: CorpusSchema, model: "keras.Model") -> None:
        self.schema, self.model = schema, model

    def translated(self, texts: Sequence[str], search: SearchSettings) -> list[list[Translation]]:
        """Translate sentences; an empty one has no translation, a too long one is truncated with a warning."""
        numbers, filled = [], []
        for row, text in enumerate(texts):
            words = self.words(text)
            if words:
                filled.append(row)
                numbers.append(self.schema.vocabularies[0].numbers(words))
        translations: list[list[Translation]] = [[] for _ in texts]
        if numbers:
            for row, nbest in zip(filled, self.search(self.fit_width(padded(numbers)), search), strict=True):
                translations[row] = nbest
        return translations

    def texts(self, source: Numbers, search: SearchSettings = GREEDY) -> list[str]:
        """Translate encoded sentences, by default with greedy search; return the best translations as text."""
        return [self.text(nbest[0]) if nbest else "" for nbest in self.search(self.fit_width(source), search)]

    def word_scores(self, source: Numbers, target: Numbers) -> npt.NDArray[np.float64]:
        """Score the prediction of each word, given the reference before it.

        Returns:
            Per sentence, number of words, number of correct predictions and sum of the losses, shape (3, sentences).
        """
        trimmed = is_trimmed(self.model)
        lengths = (target != PADDING).sum(axis=1)
        order, result = np.argsort(lengths, kind="stable"), np.zeros((3, len(source)))
        widest = int(lengths.max()) if trimmed else target.shape[1]
        size = max(1, LOGITS // (widest * self.schema.words[1]))
        for start in range(0, len(order), size):
            rows = order[start : start + size]
            sources, references = source[rows], target[rows]
            if trimmed:
                sources = sources[:, : int((sources != PADDING).sum(axis=1).max())]
                references = references[:, : int(lengths[rows].max())]
            result[:, rows] = [part.numpy() for part in self._score_graph(sources, references)]
        return result

    def attention_of(self, texts: Sequence[str]) -> Iterator[tuple[list[str], list[str], npt.NDArray[np.float32]]]:
        """Yield the source words, translated words and attention weights of each sentence.

        Nothing is yielded for empty sentences, or if the network has no attention.
        """
        search = dataclasses.replace(GREEDY, attention=True)
        for text, nbest in zip(texts, self.translated(texts, search), strict=True):
            if nbest and nbest[0].attention is not None:
                words = ["<start>", *self.words(text), "<end>"]
                written = [self.schema.vocabularies[1].words[number] for number in nbest[0].words]
                yield words, [*written, "<end>"][: len(nbest[0].attention)], nbest[0].attention[:, : len(words)]

    @cached_property
    def decoder(self) -> "KerasDecoder":
        """The inference networks, as a decoder for the search."""
        from pipeline.families.translation.models.keras_decoder import KerasDecoder
        from pipeline.families.translation.models.networks import inference_of

        return KerasDecoder(inference_of(self.model))

    @cached_property
    def _score_graph(self) -> Any:
        import tensorflow as tf

        trimmed = is_trimmed(self.model)

        def run(source: Any, target: Any) -> Any:
            logits = tf.cast(self.model({"source": source, "target": target[:, :-1]}, training=False), tf.float32)
            labels = target[:, 1:]
            kept = tf.cast(labels != PADDING, tf.float32) if trimmed else tf.ones(tf.shape(labels))
            loss = tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits) * kept
            right = tf.cast(tf.argmax(logits, -1, tf.int32) == labels, tf.float32) * kept
            return [tf.reduce_sum(part, axis=1) for part in (kept, right, loss)]

        sentences = tf.TensorSpec([None, None], tf.int32)
        return tf.function(run, input_signature=[sentences, sentences], autograph=False)

    def search(self, source: Numbers, search: SearchSettings) -> list[list[Translation]]:
        """Translate encoded sentences, shape (sentences, positions)."""
        return translate(self.decoder, source, search, trimmed=is_trimmed(self.model))

    def words(self, text: str) -> list[str]:
        """Tokenize a sentence; truncate it with a warning if it is too long."""
        if not is_written(text):
            return []
        words, limit, reason = self.schema.tokens(text), self.schema.max_tokens, "data.max_tokens"
        if not is_trimmed(self.model):
            limit, reason = self.schema.lengths[0] - 2, "fixed input length of this network"
        if len(words) > limit:
            print(f"a sentence of {len(words):,} words was truncated to {limit} ({reason})", file=sys.stderr)
        return words[:limit]

    def fit_width(self, source: Numbers) -> Numbers:
        """Return sentences padded or truncated to the network's input length, if that is fixed."""
        return source if is_trimmed(self.model) else fitted(source, self.schema.lengths[0])

    def text(self, translation: Translation) -> str:
        """Return a translation as text."""
        return self.schema.text(translation.words)

    def widths(self, pairs: Sentences) -> tuple[Numbers, Numbers]:
        """Return source and target sentences padded or truncated to the network's fixed lengths, if it has any."""
        if is_trimmed(self.model):
            return pairs.source, pairs.target
        source, target = self.schema.lengths
        return fitted(pairs.source, source), fitted(pairs.target, target + 1)


def is_trimmed(model: "keras.Model") -> bool:
    """Return whether the network takes batches that are as wide as their longest sentence."""
    return model.inputs[0].shape[1] is None
