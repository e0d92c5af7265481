"""Translate word by word: greedily, or following several translations at a time. NumPy alone.

Sources: Sutskever, Vinyals, Le: Sequence to Sequence Learning with Neural Networks (2014); length penalty: Wu et al.:
Google's Neural Machine Translation System (2016), section 7.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np

from pipeline.families.translation.data.tokens import END, START

State = Any


class Decoder(Protocol):
    """A network that goes on from a state by one word. Rows are translations under way."""

    def start(self, source: Any) -> State:
        """Read sentences `(rows, positions)`; return the state before the first word."""
        ...

    def step(self, state: State, words: Any, count: int) -> tuple[Any, Any, State, Any]:
        """Write a word in each row.

        Args:
            state: Before it.
            words: The ones before it, `(rows,)`.
            count: Of candidates wanted.

        Returns:
            Log-probabilities of the most probable words, from the highest down, `(rows, count)`, or as many as there
            are; their numbers; the state after it; where the network looked, `(rows, positions)`, or None.
        """
        ...

    def take(self, state: State, rows: Any, same_sentences: bool) -> State:
        """Return the state of some rows, of which there may be several of one.

        Args:
            state: Of all.
            rows: Their places.
            same_sentences: Each row takes the place of one of the same sentence: what hangs on the source alone stays.
        """
        ...


@dataclass
class Translation:
    """Words of a translation, without start and end.

    Attributes:
        words: Their numbers.
        log_probability: Of all of them and of the end.
        score: That, divided by the length penalty.
        ended: Whether it came to an end, or was cut.
        attention: Where the network looked at each word and, if it ended, at the end, `(words or one more, positions)`;
            None without one.
    """

    words: list[int]
    log_probability: float
    score: float
    ended: bool
    attention: Any = field(default=None, repr=False)


def penalty(words: Any, exponent: float) -> Any:
    """Return what a log-probability of so many words, the end included, is divided by."""
    return ((5.0 + words) / 6.0) ** exponent


def greedy(
    decoder: Decoder, source: Any, *, longest: Any, shortest: int = 0, attention: bool = False
) -> list[Translation]:
    """Take the most probable word at each step.

    Args:
        decoder: The network.
        source: Sentences, `(sentences, positions)`.
        longest: Words of a translation at most; of all, or of each sentence `(sentences,)`.
        shortest: Words at least.
        attention: Keep where the network looked.

    Returns:
        A translation a sentence; its score is the log-probability.
    """
    count = len(source)
    state, words = decoder.start(source), np.full(count, START, np.int32)
    found = [Translation([], 0.0, 0.0, False, [] if attention else None) for _ in range(count)]
    rows, limits = np.arange(count), np.broadcast_to(longest, count)
    for length in range(int(limits.max(initial=0)) + 1):
        scores, numbers, state, weights = decoder.step(state, words, 2)
        # Too early for an end: the next best word, which is none.
        early = (numbers[:, 0] == END) & (length < np.minimum(shortest, limits[rows]))
        place = early.astype(int)
        words, gained = numbers[np.arange(len(rows)), place], scores[np.arange(len(rows)), place]
        is_cut = (words != END) & (length >= limits[rows])
        for each in np.flatnonzero(~is_cut):
            translation, word = found[rows[each]], int(words[each])
            translation.log_probability += float(gained[each])
            translation.ended = word == END
            if attention and weights is not None:
                translation.attention.append(weights[each])
            if word != END:
                translation.words.append(word)
        going = np.flatnonzero((words != END) & ~is_cut)
        if not len(going):
            break
        if len(going) < len(rows):
            state, words, rows = decoder.take(state, going, False), words[going], rows[going]
    for translation in found:
        translation.score = translation.log_probability
        translation.attention = np.array(translation.attention) if translation.attention else None
    return found


def beam_search(
    decoder: Decoder,
    source: Any,
    *,
    beam: int,
    longest: Any,
    shortest: int = 0,
    best: int = 1,
    length_penalty: float = 0.0,
    attention: bool = False,
) -> list[list[Translation]]:
    """Follow the most probable beginnings of each sentence, several at a time.

    A translation ends where its end is among the `beam` best ways to go on. A sentence is done when as many have ended,
    or as many as are wanted and none under way can become better than them: words only take from a log-probability, and
    no translation is longer than `longest`.

    Args:
        decoder: The network.
        source: Sentences, `(sentences, positions)`.
        beam: Beginnings followed a sentence.
        longest: Words of a translation at most; of all, or of each sentence `(sentences,)`.
        shortest: Words at least.
        best: Translations wanted a sentence, at most `beam`.
        length_penalty: Exponent of `penalty`; 0 for none.
        attention: Keep where the network looked.

    Returns:
        Translations of each sentence by score, the best first; fewer than wanted where no more came to an end. One
        that was cut only where none did.
    """
    count = len(source)
    ended: list[list[Translation]] = [[] for _ in range(count)]
    ends = np.zeros(count, int)
    cut: list[list[Translation]] = [[] for _ in range(count)]
    sentences, limits = np.arange(count), np.broadcast_to(longest, count)
    state = decoder.take(decoder.start(source), np.repeat(sentences, beam), False)
    words = np.full(count * beam, START, np.int32)
    # In the beginning all of a sentence's rows are the same: one of them counts.
    totals = np.tile(np.array([0.0] + [-np.inf] * (beam - 1)), (count, 1))
    written = np.empty((count * beam, 0), np.int32)
    looked = np.empty((count * beam, 0, np.shape(source)[1]), np.float32)
    for length in range(int(limits.max(initial=0)) + 1):
        scores, numbers, state, weights = decoder.step(state, words, beam + 1)
        if attention and weights is not None:
            looked = np.concatenate([looked, weights[:, None]], axis=1)
        width = scores.shape[1]
        wide = (totals[:, :, None] + scores.reshape(len(sentences), beam, width)).reshape(len(sentences), -1)
        numbers = numbers.reshape(len(sentences), -1)
        is_end = numbers == END
        early = length < np.minimum(shortest, limits[sentences])
        wide[is_end & early[:, None]] = -np.inf
        among = np.isfinite(wide) & is_end & (wide >= np.sort(wide, axis=1)[:, -beam][:, None])
        ends[sentences] += among.sum(axis=1)
        seen = looked if attention and looked.shape[1] else None
        _collect(ended, sentences, wide, among, written, seen, length, length_penalty, best, width)
        wide[is_end] = -np.inf
        for place in np.flatnonzero(length >= limits[sentences]):
            if not ended[sentences[place]]:
                row, total = place * beam + int(totals[place].argmax()), float(totals[place].max())
                score = total / float(penalty(max(length, 1), length_penalty))
                weights = None if seen is None else seen[row, :length]
                cut[sentences[place]].append(Translation(written[row].tolist(), total, score, False, weights))
        order = np.argsort(-wide, axis=1, kind="stable")[:, :beam]
        totals = np.take_along_axis(wide, order, axis=1)
        rows = (np.arange(len(sentences))[:, None] * beam + order // width).reshape(-1)
        words = np.take_along_axis(numbers, order, axis=1).reshape(-1).astype(np.int32)
        # The best that a translation under way can come to: its log-probability, divided by the largest penalty.
        hope = totals[:, 0] / penalty(limits[sentences] + 1, length_penalty)
        going = np.isfinite(hope) & (length < limits[sentences]) & (ends[sentences] < beam)
        for place in np.flatnonzero(going):
            found = ended[sentences[place]]
            going[place] = len(found) < best or found[best - 1].score < hope[place]
        if not going.any():
            break
        if not going.all():
            kept = np.repeat(going, beam)
            rows, words, totals, sentences = rows[kept], words[kept], totals[going], sentences[going]
        state = decoder.take(state, rows, bool(going.all()))
        written = np.concatenate([written[rows], words[:, None]], axis=1)
        looked = looked[rows]
    return [found or other for found, other in zip(ended, cut, strict=True)]


def _collect(
    ended: list[list[Translation]],
    sentences: Any,
    wide: Any,
    among: Any,
    written: Any,
    looked: Any,
    length: int,
    length_penalty: float,
    best: int,
    width: int,
) -> None:
    """Add the translations that end here, and keep the best of each sentence."""
    divisor, beam = float(penalty(length + 1, length_penalty)), wide.shape[1] // width
    for place, candidate in zip(*np.nonzero(among), strict=True):
        total, found = float(wide[place, candidate]), ended[sentences[place]]
        if len(found) >= best and found[best - 1].score >= total / divisor:
            continue
        at = place * beam + candidate // width
        seen = None if looked is None else looked[at]
        found.append(Translation(written[at].tolist(), total, total / divisor, True, seen))
        found.sort(key=lambda translation: -translation.score)
        del found[best:]
