"""Sentences and their translations. NumPy alone."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.families.translation.data.tokenizing import tokenizer_for
from pipeline.families.translation.data.tokens import END, PADDING, START, UNKNOWN
from pipeline.families.translation.models.translate import SearchSettings, translate
from pipeline.portable.errors import BundleError, list_of


class SentenceReader:
    """Translates."""

    def __init__(self, networks: Mapping[str, Any], facts: Mapping[str, Any], folder: Path) -> None:
        self._encoder, self._decoder = networks["encoder"], networks["decoder"]
        self._source, self._target = facts["vocabularies"]
        self._numbers = {word: number for number, word in enumerate(self._source)}
        self._lowercase, self._max_tokens = facts["lowercase"], facts["max_tokens"]
        self._length, self._penalty = facts["source_length"], facts["length_penalty"]
        source, target = facts["tokenizers"]
        self._cutter = tokenizer_for(source, folder / "source.pieces")
        self._joiner = tokenizer_for(target, folder / "target.pieces")
        # What hangs on the source alone is not among what the decoder puts out.
        self._changing = set(facts["changing"])

    def __call__(self, sentences: Sequence[str], beam: int = 5, best: int = 1) -> list[list[tuple[str, float]]]:
        """Translate sentences.

        Args:
            sentences: As text.
            beam: Translations followed at a time, `best` at least; 1 for greedy.
            best: Wanted a sentence.

        Returns:
            Of each sentence its translations with their scores, the best first; none of an empty one. A score is the
            log-probability, with a beam divided by the length penalty.

        Raises:
            BundleError: No list of texts; a beam below 1.
        """
        texts = list_of(sentences, str, 'texts, like ["a sentence"]')
        if beam < 1 or best < 1:
            raise BundleError(f"beam and best must be at least 1, received {beam} and {best}")
        words = [self._cut(text) for text in texts]
        filled = [place for place, each in enumerate(words) if each]
        found: list[list[tuple[str, float]]] = [[] for _ in texts]
        if not filled:
            return found
        numbers = [[START, *(self._number(word) for word in words[place]), END] for place in filled]
        source = np.full((len(numbers), self._length or max(map(len, numbers))), PADDING, np.int32)
        for place, each in enumerate(numbers):
            source[place, : len(each)] = each
        beam = max(beam, best)
        settings = SearchSettings(beam, best, self._penalty if beam > 1 else 0.0, min_length=1)
        translated = translate(self, source, settings, trimmed=self._length is None)
        for place, translations in zip(filled, translated, strict=True):
            found[place] = [(self._text(each.words), each.score) for each in translations]
        return found

    def start(self, source: Any) -> Any:
        """Read sentences: `Decoder.start`."""
        return self._encoder(source=source)

    def step(self, state: Any, words: Any, count: int) -> tuple[Any, Any, Any, Any]:
        """Write a word in each row: `Decoder.step`."""
        found = self._decoder(token=np.asarray(words)[:, None], **state)
        logits = found["logits"][:, -1]
        logits = logits - logits.max(axis=1, keepdims=True)
        scores = logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))
        scores[:, [PADDING, START]] = -np.inf
        # In the order of their places: of equals the first wins.
        few = np.sort(np.argpartition(-scores, min(count, scores.shape[1]) - 1, axis=1)[:, :count], axis=1)
        order = np.argsort(-np.take_along_axis(scores, few, axis=1), axis=1, kind="stable")
        numbers = np.take_along_axis(few, order, axis=1)
        after = {name: found[name] for name in self._changing}
        looked = found["attention"][:, -1] if "attention" in found else None
        return np.take_along_axis(scores, numbers, axis=1), numbers, {**state, **after}, looked

    def take(self, state: Any, rows: Any, same_sentences: bool) -> Any:
        """Return the state of some rows: `Decoder.take`."""
        return {
            name: array if same_sentences and name not in self._changing else array[rows]
            for name, array in state.items()
        }

    def _cut(self, sentence: str) -> list[str]:
        limit = self._length - 2 if self._length else self._max_tokens
        words = self._cutter.tokens(sentence.lower() if self._lowercase else sentence)
        if len(words) > limit:
            warnings.warn(f"a sentence of {len(words):,} words is cut to the first {limit}", stacklevel=3)
        return words[:limit]

    def _number(self, word: str) -> int:
        # A word that is spelled as one of the first four is unknown.
        found: int = self._numbers.get(word, UNKNOWN)
        return found if found > END else UNKNOWN

    def _text(self, words: Sequence[int]) -> str:
        return self._joiner.text([self._target[number] for number in words])
