"""Greedy and beam search, on a network that is a table: what is found can be counted."""

import itertools
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.families.translation.data.tokens import END, START
from pipeline.families.translation.models.search import beam_search, greedy, penalty

WORDS = 6
"""Padding, unknown, start, end and two words."""


class Table:
    """Log-probabilities of the next word by sentence and by all that was written before."""

    def __init__(self, seed: int) -> None:
        self._seed = seed

    def scores(self, sentence: int, written: tuple[int, ...]) -> Any:
        random = np.random.default_rng([self._seed, sentence, *written])
        values = random.normal(size=WORDS) * 2
        values[[0, 1, START]] = -np.inf
        return values - np.log(np.exp(values).sum())

    def start(self, source: Any) -> list[tuple[int, tuple[int, ...]]]:
        return [(int(row[0]), ()) for row in source]

    def step(self, state: Any, words: Any, count: int) -> Any:
        after = [(s, (*past, int(word))) for (s, past), word in zip(state, words, strict=True)]
        scores = np.array([self.scores(*each) for each in after])
        numbers = np.argsort(-scores, axis=1, kind="stable")[:, :count]
        looked = np.tile(np.arange(2, dtype=np.float32), (len(words), 1))
        return np.take_along_axis(scores, numbers, axis=1), numbers, after, looked

    def take(self, state: Any, rows: Any, same_sentences: bool) -> Any:
        return [state[row] for row in rows]

    def total(self, sentence: int, words: list[int]) -> float:
        written = [START, *words]
        return float(
            sum(
                self.scores(sentence, tuple(written[:place]))[word] for place, word in enumerate([*words, END], start=1)
            )
        )


def source(count: int) -> Any:
    return np.array([[row, END] for row in range(count)])


@settings(deadline=None, max_examples=40)
@given(st.integers(0, 10**6), st.sampled_from([0.0, 0.6, 1.0]), st.integers(0, 2))
def test_a_wide_beam_finds_what_exhaustive_search_finds(seed: int, exponent: float, shortest: int) -> None:
    table, longest, sentences = Table(seed), 4, 2
    wide = beam_search(
        table, source(sentences), beam=64, longest=longest, shortest=shortest, best=5, length_penalty=exponent
    )
    for sentence, found in enumerate(wide):
        every = [
            (table.total(sentence, list(words)) / penalty(length + 1, exponent), list(words))
            for length in range(shortest, longest + 1)
            for words in itertools.product((4, 5), repeat=length)
        ]
        best = sorted(every, key=lambda each: -each[0])[:5]
        assert [each.words for each in found] == [words for _, words in best]
        assert [each.score for each in found] == pytest.approx([score for score, _ in best])
        assert all(each.ended for each in found)


@settings(deadline=None, max_examples=40)
@given(st.integers(0, 10**6), st.integers(0, 3))
def test_a_beam_of_one_is_greedy(seed: int, shortest: int) -> None:
    table, limits = Table(seed), np.array([5, 3, 8])
    one = beam_search(table, source(3), beam=1, longest=limits, shortest=shortest)
    plain = greedy(table, source(3), longest=limits, shortest=shortest)
    assert [each[0].words for each in one] == [each.words for each in plain]
    assert [each[0].ended for each in one] == [each.ended for each in plain]
    assert [each[0].log_probability for each in one] == pytest.approx([each.log_probability for each in plain])


@settings(deadline=None, max_examples=20)
@given(st.integers(0, 10**6), st.integers(1, 4))
def test_together_or_one_by_one(seed: int, beam: int) -> None:
    table, limits = Table(seed), np.array([6, 2, 9, 4])
    options: dict[str, Any] = {"beam": beam, "best": beam, "length_penalty": 0.6}
    together = beam_search(table, source(4), longest=limits, **options)
    single = [
        beam_search(table, source(4)[row : row + 1], longest=limits[row : row + 1], **options)[0] for row in range(4)
    ]
    assert [[each.words for each in found] for found in together] == [[each.words for each in f] for f in single]


def test_lengths_are_kept() -> None:
    table = Table(3)
    found = beam_search(table, source(3), beam=3, best=3, longest=5, shortest=3, attention=True)
    assert all(3 <= len(each.words) <= 5 for translations in found for each in translations)
    for translations in found:
        for each in translations:
            assert each.attention.shape == (len(each.words) + each.ended, 2)
    (cut,) = beam_search(table, source(1), beam=1, longest=1, shortest=0, attention=True)[0]
    assert cut.attention.shape == (len(cut.words) + cut.ended, 2)
    plain = greedy(table, source(3), longest=5, attention=True)
    assert all(each.attention.shape == (len(each.words) + each.ended, 2) for each in plain)


def test_a_word_longer_is_penalised_as_published() -> None:
    # Wu et al. 2016, equation 14: lp(Y) = ((5 + |Y|) / 6) ^ alpha.
    assert penalty(1, 0.6) == 1
    assert penalty(7, 1.0) == 2
    assert penalty(7, 0.0) == 1
