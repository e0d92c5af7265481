"""A trained translation network with its vocabularies: translates sentences and scores references."""

import dataclasses
import sys
from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from pipeline.families.translation.data.schema import CorpusSchema
from pipeline.families.translation.data.sentences import Sentences, fitted, padded
from pipeline.families.translation.data.tokens import PADDING
from pipeline.families.translation.models.search import Translation
from pipeline.families.translation.models.translate import SearchSettings, translate

if TYPE_CHECKING:
    import keras

    from pipeline.families.translation.models.keras_decoder import KerasDecoder

LOGITS = 2**26
"""Logits computed at a time: a quarter of a gigabyte."""
LENGTH_PENALTY = 0.6
"""Of a prediction with a beam, as committed in `conf/evaluate/translation.yaml`."""
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
        """Translate sentences; an empty one has no translation, one that is too long is cut and told."""
        numbers, filled = [], []
        for place, text in enumerate(texts):
            words = self.words(text)
            if words:
                filled.append(place)
                numbers.append(self.schema.vocabularies[0].numbers(words))
        found: list[list[Translation]] = [[] for _ in texts]
        if numbers:
            for place, each in zip(filled, self.search(self.cut(padded(numbers)), search), strict=True):
                found[place] = each
        return found

    def texts(self, source: Numbers, search: SearchSettings | None = None) -> list[str]:
        """Translate sentences given as numbers, greedily unless told otherwise; return text."""
        return [
            self.text(each[0]) if each else ""
            for each in self.search(self.cut(source), search or beam_search_settings(1))
        ]

    def word_scores(self, source: Numbers, target: Numbers) -> npt.NDArray[np.float64]:
        """Score the prediction of each word, given the reference before it.

        Returns:
            Words to predict, how many of them right, sum of their losses: `(3, sentences)`.
        """
        trimmed = is_trimmed(self.model)
        lengths = (target != PADDING).sum(axis=1)
        order, found = np.argsort(lengths, kind="stable"), np.zeros((3, len(source)))
        widest = int(lengths.max()) if trimmed else target.shape[1]
        size = max(1, LOGITS // (widest * self.schema.words[1]))
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
        search = dataclasses.replace(beam_search_settings(1), attention=True)
        for text, found in zip(texts, self.translated(texts, search), strict=True):
            if found and found[0].attention is not None:
                words = ["<start>", *self.words(text), "<end>"]
                written = [self.schema.vocabularies[1].words[number] for number in found[0].words]
                yield words, [*written, "<end>"][: len(found[0].attention)], found[0].attention[:, : len(words)]

    @cached_property
    def decoder(self) -> "KerasDecoder":
        """The two networks of inference, as the search takes them."""
        from pipeline.families.translation.models.keras_decoder import KerasDecoder
        from pipeline.families.translation.models.networks import inference_of

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

    def search(self, source: Numbers, search: SearchSettings) -> list[list[Translation]]:
        """Translate sentences given as numbers, shape (sentences, positions)."""
        return translate(self.decoder, source, search, trimmed=is_trimmed(self.model))

    def words(self, text: str) -> list[str]:
        """Cut a sentence into words, of one that is too long the first; that is told."""
        words, limit, why = self.schema.tokens(text), self.schema.max_tokens, "data.max_tokens"
        if not is_trimmed(self.model):
            limit, why = self.schema.lengths[0] - 2, "the length of all sentences of this network"
        if len(words) > limit:
            print(f"a sentence of {len(words):,} words is cut to {limit} ({why})", file=sys.stderr)
        return words[:limit]

    def cut(self, source: Numbers) -> Numbers:
        """Give sentences the width that a network with fixed lengths wants."""
        return source if is_trimmed(self.model) else fitted(source, self.schema.lengths[0])

    def text(self, translation: Translation) -> str:
        """Return a translation as text."""
        return self.schema.text(translation.words)

    def widths(self, pairs: Sentences) -> tuple[Numbers, Numbers]:
        """Return source and target sentences as wide as the network takes them."""
        if is_trimmed(self.model):
            return pairs.source, pairs.target
        source, target = self.schema.lengths
        return fitted(pairs.source, source), fitted(pairs.target, target + 1)


def is_trimmed(model: "keras.Model") -> bool:
    """Tell whether batches may be as wide as their longest sentence."""
    return model.inputs[0].shape[1] is None


def beam_search_settings(beam: int, best: int = 1) -> SearchSettings:
    """Return the search of a prediction: the settings of `conf/evaluate/translation.yaml` as committed."""
    return SearchSettings(beam=beam, best=best, length_penalty=LENGTH_PENALTY if beam > 1 else 0.0, min_length=1)
