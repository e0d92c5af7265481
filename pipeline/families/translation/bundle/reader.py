"""Translation of sentences with an exported network. Uses only NumPy."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.families.translation.data.tokenizing import is_written, tokenizer_for
from pipeline.families.translation.data.tokens import END, NEVER, PADDING, START, UNKNOWN
from pipeline.families.translation.models.translate import SearchSettings, translate
from pipeline.portable.errors import BundleError, list_of
from pipeline.portable.request_fields import fields_of

MOST_BEAM = 100
"""Largest beam, and number of translations of a sentence, that a request to the service may ask for."""


class SentenceReader:
    """Translates sentences."""

    def __init__(self, networks: Mapping[str, Any], facts: Mapping[str, Any], folder: Path) -> None:
        self._encoder, self._decoder = networks["encoder"], networks["decoder"]
        self._source, self._target = facts["vocabularies"]
        self._numbers = {word: number for number, word in enumerate(self._source)}
        self._lowercase, self._max_tokens = facts["lowercase"], facts["max_tokens"]
        self._length, self._penalty = facts["source_length"], facts["length_penalty"]
        source, target = facts["tokenizers"]
        self._source_tokenizer = tokenizer_for(source, folder / "source.pieces")
        self._target_tokenizer = tokenizer_for(target, folder / "target.pieces")
        # The parts of the state that depend only on the source are not among the decoder's outputs.
        self._changing = set(facts["changing"])

    field = "sentences"
    """Name of the inputs in a request to the service."""

    def describe(self) -> dict[str, Any]:
        """Return what a request and its answer hold, for the service."""
        return {
            "sentences": "texts",
            "options": ["beam", "best"],
            "predictions": "translations with scores, best first",
        }

    def answer(self, request: Any) -> list[list[dict[str, Any]]]:
        """Return the translations of a request, `{"sentences": ["…"], "beam": 5, "best": 1}`.

        Raises:
            BundleError: The request is not like this.
        """
        sentences, options = fields_of(request, self.field, {"beam": (int, 1, MOST_BEAM), "best": (int, 1, MOST_BEAM)})
        return [
            [{"translation": text, "score": float(score)} for text, score in translations]
            for translations in self(sentences, **options)
        ]

    def __call__(self, sentences: Sequence[str], beam: int = 5, best: int = 1) -> list[list[tuple[str, float]]]:
        """Translate sentences.

        Args:
            sentences: The sentences as text.
            beam: Number of partial translations kept per sentence, raised to `best` if smaller; 1 for greedy search.
            best: Number of translations to return per sentence.

        Returns:
            For each sentence, its translations and their scores, best first; none for an empty sentence. The score is
            the log-probability, divided by the length penalty if `beam` is above 1.

        Raises:
            BundleError: If `sentences` is not a list of texts, or `beam` or `best` is below 1.
        """
        texts = list_of(sentences, str, 'texts, like ["a sentence"]')
        if beam < 1 or best < 1:
            raise BundleError(f"beam and best must be at least 1, received {beam} and {best}")
        tokenized = [self._tokenize(text) for text in texts]
        filled = [row for row, words in enumerate(tokenized) if words]
        result: list[list[tuple[str, float]]] = [[] for _ in texts]
        if not filled:
            return result
        encoded = [[START, *(self._number(word) for word in tokenized[row]), END] for row in filled]
        source = np.full((len(encoded), self._length or max(map(len, encoded))), PADDING, np.int32)
        for row, numbers in enumerate(encoded):
            source[row, : len(numbers)] = numbers
        beam = max(beam, best)
        settings = SearchSettings(beam, best, self._penalty if beam > 1 else 0.0, min_length=1)
        translated = translate(self, source, settings, trimmed=self._length is None)
        for row, nbest in zip(filled, translated, strict=True):
            result[row] = [(self._text(translation.words), translation.score) for translation in nbest]
        return result

    def start(self, source: Any) -> Any:
        """Encode sentences; see `Decoder.start`."""
        return self._encoder(source=source)

    def step(self, state: Any, words: Any, count: int) -> tuple[Any, Any, Any, Any]:
        """Predict the next word of each row; see `Decoder.step`."""
        outputs = self._decoder(token=np.asarray(words)[:, None], **state)
        logits = outputs["logits"][:, -1]
        logits = logits - logits.max(axis=1, keepdims=True)
        scores = logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))
        scores[:, NEVER] = -np.inf
        # Sorted by number before the stable sort by score, so that the first of equal scores wins.
        highest = np.sort(np.argpartition(-scores, min(count, scores.shape[1]) - 1, axis=1)[:, :count], axis=1)
        order = np.argsort(-np.take_along_axis(scores, highest, axis=1), axis=1, kind="stable")
        numbers = np.take_along_axis(highest, order, axis=1)
        after = {name: outputs[name] for name in self._changing}
        attention = outputs["attention"][:, -1] if "attention" in outputs else None
        return np.take_along_axis(scores, numbers, axis=1), numbers, {**state, **after}, attention

    def take(self, state: Any, rows: Any, same_sentences: bool) -> Any:
        """Return the state of selected rows; see `Decoder.take`."""
        return {
            name: array if same_sentences and name not in self._changing else array[rows]
            for name, array in state.items()
        }

    def _tokenize(self, sentence: str) -> list[str]:
        limit = self._length - 2 if self._length else self._max_tokens
        if not is_written(sentence):
            return []
        words = self._source_tokenizer.tokens(sentence.lower() if self._lowercase else sentence)
        if len(words) > limit:
            warnings.warn(f"a sentence of {len(words):,} words was truncated to the first {limit}", stacklevel=3)
        return words[:limit]

    def _number(self, word: str) -> int:
        # A word that is spelled like a special token is unknown.
        number: int = self._numbers.get(word, UNKNOWN)
        return number if number > END else UNKNOWN

    def _text(self, words: Sequence[int]) -> str:
        return self._target_tokenizer.text([self._target[number] for number in words])
