"""Sentences and their translations. NumPy alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from .runtime import Network
from .search import END, PADDING, START, UNKNOWN, Translation, beam_search, greedy, most_words
from .tokenizing import tokenizer_for


class Sentences:
    """Translates."""

    def __init__(self, networks: Mapping[str, Network], facts: Mapping[str, Any], folder: Path) -> None:
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
            beam: Translations followed at a time; 1 for greedy.
            best: Wanted a sentence, at most `beam`.

        Returns:
            Of each sentence its translations with their scores, the best first; none of an empty one.
        """
        words = [self._cut(sentence) for sentence in sentences]
        filled = [place for place, each in enumerate(words) if each]
        found: list[list[tuple[str, float]]] = [[] for _ in sentences]
        if not filled:
            return found
        numbers = [[START, *(self._number(word) for word in words[place]), END] for place in filled]
        source = np.full((len(numbers), self._length or max(map(len, numbers))), PADDING, np.int32)
        for place, each in enumerate(numbers):
            source[place, : len(each)] = each
        longest = most_words([len(each) for each in numbers])
        for place, translations in enumerate(self._search(source, longest, beam, best)):
            found[filled[place]] = [(self._text(each.words), each.score) for each in translations]
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

    def _search(self, source: Any, longest: Any, beam: int, best: int) -> list[list[Translation]]:
        if beam == 1:
            return [[each] for each in greedy(self, source, longest=longest, shortest=1)]
        options = {"shortest": 1, "best": min(best, beam), "length_penalty": self._penalty}
        return beam_search(self, source, beam=beam, longest=longest, **options)

    def _cut(self, sentence: str) -> list[str]:
        limit = self._length - 2 if self._length else self._max_tokens
        return self._cutter.tokens(sentence.lower() if self._lowercase else sentence)[:limit]

    def _number(self, word: str) -> int:
        # A word that is spelled as one of the first four is unknown.
        found: int = self._numbers.get(word, UNKNOWN)
        return found if found > END else UNKNOWN

    def _text(self, words: Sequence[int]) -> str:
        return self._joiner.text([self._target[number] for number in words])
