"""Greedy search and beam search. Uses only NumPy.

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
    """A network that predicts the next word from a state. Each row is an unfinished translation."""

    def start(self, source: Any) -> State:
        """Encode sentences, shape (rows, positions); return the state before the first word."""
        ...

    def step(self, state: State, words: Any, count: int) -> tuple[Any, Any, State, Any]:
        """Predict the next word of each row.

        Args:
            state: The state before this step.
            words: The previous word of each row, shape (rows,).
            count: Number of candidates to return per row.

        Returns:
            Log-probabilities of the most probable words in descending order, shape (rows, count), with fewer columns
            if the vocabulary is smaller; the numbers of these words, same shape; the state after this step; the
            attention weights, shape (rows, positions), or None.
        """
        ...

    def take(self, state: State, rows: Any, same_sentences: bool) -> State:
        """Return the state of selected rows; a row may be selected several times.

        Args:
            state: The state of all rows.
            rows: Indices of the selected rows.
            same_sentences: Whether each row is replaced by a row of the same sentence; the parts of the state that
                depend only on the source then stay as they are.
        """
        ...


@dataclass
class Translation:
    """A translation with its scores.

    Attributes:
        words: Numbers of the words, without start and end.
        log_probability: Sum of the log-probabilities of all words and of the end.
        score: `log_probability`, divided by the length penalty.
        ended: Whether the translation finished with the end token; False if it was truncated.
        attention: Attention weights of each word and, if the translation ended, of the end token,
            shape (words or words + 1, positions); None if they were not requested or the network has no attention.
    """

    words: list[int]
    log_probability: float
    score: float
    ended: bool
    attention: Any = field(default=None, repr=False)


def penalty(words: Any, exponent: float) -> Any:
    """Return the length penalty, which divides the log-probability of `words` words, the end included."""
    return ((5.0 + words) / 6.0) ** exponent


def greedy(
    decoder: Decoder, source: Any, *, longest: Any, shortest: int = 0, attention: bool = False
) -> list[Translation]:
    """Translate by taking the most probable word at each step.

    Args:
        decoder: The network.
        source: Sentences, shape (sentences, positions).
        longest: Maximum number of words, one for all translations or one per sentence, shape (sentences,).
        shortest: Minimum number of words.
        attention: Whether to keep the attention weights.

    Returns:
        One translation per sentence; its score is the log-probability.
    """
    count = len(source)
    state, words = decoder.start(source), np.full(count, START, np.int32)
    translations = [Translation([], 0.0, 0.0, False, [] if attention else None) for _ in range(count)]
    rows, limits = np.arange(count), np.broadcast_to(longest, count)
    for length in range(int(limits.max(initial=0)) + 1):
        scores, numbers, state, weights = decoder.step(state, words, 2)
        # Too early to end: take the second candidate, which is not the end.
        early = (numbers[:, 0] == END) & (length < np.minimum(shortest, limits[rows]))
        rank = early.astype(int)
        words, gained = numbers[np.arange(len(rows)), rank], scores[np.arange(len(rows)), rank]
        is_truncated = (words != END) & (length >= limits[rows])
        for row in np.flatnonzero(~is_truncated):
            translation, word = translations[rows[row]], int(words[row])
            translation.log_probability += float(gained[row])
            translation.ended = word == END
            if attention and weights is not None:
                translation.attention.append(weights[row])
            if word != END:
                translation.words.append(word)
        unfinished = np.flatnonzero((words != END) & ~is_truncated)
        if not len(unfinished):
            break
        if len(unfinished) < len(rows):
            state, words, rows = decoder.take(state, unfinished, False), words[unfinished], rows[unfinished]
    for translation in translations:
        translation.score = translation.log_probability
        translation.attention = np.array(translation.attention) if translation.attention else None
    return translations


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
    """Translate by beam search: keep the most probable partial translations of each sentence.

    A translation ends if its end is among the `beam` best candidates of a step. The search of a sentence stops when
    `beam` translations have ended, or when `best` have ended and no unfinished one can score higher: each further word
    lowers the log-probability, and no translation is longer than `longest`.

    Args:
        decoder: The network.
        source: Sentences, shape (sentences, positions).
        beam: Number of partial translations kept per sentence.
        longest: Maximum number of words, one for all translations or one per sentence, shape (sentences,).
        shortest: Minimum number of words.
        best: Number of translations to return per sentence, at most `beam`.
        length_penalty: Exponent of `penalty`; 0 for no penalty.
        attention: Whether to keep the attention weights.

    Returns:
        Translations of each sentence in descending order of score; fewer than `best` if fewer ended. If none ended,
        the best one truncated at `longest`.
    """
    count = len(source)
    ended: list[list[Translation]] = [[] for _ in range(count)]
    ends = np.zeros(count, int)
    truncated: list[list[Translation]] = [[] for _ in range(count)]
    sentences, limits = np.arange(count), np.broadcast_to(longest, count)
    state = decoder.take(decoder.start(source), np.repeat(sentences, beam), False)
    words = np.full(count * beam, START, np.int32)
    # At first all rows of a sentence are the same: only one of them counts.
    totals = np.tile(np.array([0.0] + [-np.inf] * (beam - 1)), (count, 1))
    written = np.empty((count * beam, 0), np.int32)
    attended = np.empty((count * beam, 0, np.shape(source)[1]), np.float32)
    for length in range(int(limits.max(initial=0)) + 1):
        scores, numbers, state, weights = decoder.step(state, words, beam + 1)
        if attention and weights is not None:
            attended = np.concatenate([attended, weights[:, None]], axis=1)
        width = scores.shape[1]
        candidates = (totals[:, :, None] + scores.reshape(len(sentences), beam, width)).reshape(len(sentences), -1)
        numbers = numbers.reshape(len(sentences), -1)
        is_end = numbers == END
        early = length < np.minimum(shortest, limits[sentences])
        candidates[is_end & early[:, None]] = -np.inf
        beam_threshold = np.sort(candidates, axis=1)[:, -beam][:, None]
        finishing = np.isfinite(candidates) & is_end & (candidates >= beam_threshold)
        ends[sentences] += finishing.sum(axis=1)
        history = attended if attention and attended.shape[1] else None
        _collect(ended, sentences, candidates, finishing, written, history, length, length_penalty, best, width)
        candidates[is_end] = -np.inf
        for index in np.flatnonzero(length >= limits[sentences]):
            if not ended[sentences[index]]:
                row, total = index * beam + int(totals[index].argmax()), float(totals[index].max())
                score = total / float(penalty(max(length, 1), length_penalty))
                weights = None if history is None else history[row, :length]
                truncated[sentences[index]].append(Translation(written[row].tolist(), total, score, False, weights))
        order = np.argsort(-candidates, axis=1, kind="stable")[:, :beam]
        totals = np.take_along_axis(candidates, order, axis=1)
        rows = (np.arange(len(sentences))[:, None] * beam + order // width).reshape(-1)
        words = np.take_along_axis(numbers, order, axis=1).reshape(-1).astype(np.int32)
        # The best score an unfinished translation can reach: its log-probability, divided by the largest penalty.
        upper_bound = totals[:, 0] / penalty(limits[sentences] + 1, length_penalty)
        active = np.isfinite(upper_bound) & (length < limits[sentences]) & (ends[sentences] < beam)
        for index in np.flatnonzero(active):
            finished = ended[sentences[index]]
            active[index] = len(finished) < best or finished[best - 1].score < upper_bound[index]
        if not active.any():
            break
        if not active.all():
            kept = np.repeat(active, beam)
            rows, words, totals, sentences = rows[kept], words[kept], totals[active], sentences[active]
        state = decoder.take(state, rows, bool(active.all()))
        written = np.concatenate([written[rows], words[:, None]], axis=1)
        attended = attended[rows]
    return [finished or fallback for finished, fallback in zip(ended, truncated, strict=True)]


def _collect(
    ended: list[list[Translation]],
    sentences: Any,
    candidates: Any,
    finishing: Any,
    written: Any,
    attended: Any,
    length: int,
    length_penalty: float,
    best: int,
    width: int,
) -> None:
    """Add the translations that end at this step, and keep the best of each sentence."""
    divisor, beam = float(penalty(length + 1, length_penalty)), candidates.shape[1] // width
    for index, candidate in zip(*np.nonzero(finishing), strict=True):
        total, finished = float(candidates[index, candidate]), ended[sentences[index]]
        if len(finished) >= best and finished[best - 1].score >= total / divisor:
            continue
        row = index * beam + candidate // width
        weights = None if attended is None else attended[row]
        finished.append(Translation(written[row].tolist(), total, total / divisor, True, weights))
        finished.sort(key=lambda translation: -translation.score)
        del finished[best:]
