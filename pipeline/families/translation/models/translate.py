"""Translation of encoded sentences in batches. Uses only NumPy."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from pipeline.families.translation.data.tokens import PADDING
from pipeline.families.translation.models.search import Decoder, Translation, beam_search, greedy


@dataclass(frozen=True)
class SearchSettings:
    """Settings of the search for translations.

    Attributes:
        beam: Number of partial translations kept per sentence; 1 for greedy search.
        best: Number of translations to return per sentence.
        length_penalty: Exponent of the length penalty; see `beam_search`.
        min_length: Minimum number of words.
        max_length: Maximum number of words; 0 for twice the length of the sentence plus ten.
        batch: Number of sentences translated at a time.
        attention: Whether to keep the attention weights.
    """

    beam: int = 1
    best: int = 1
    length_penalty: float = 0.0
    min_length: int = 0
    max_length: int = 0
    batch: int = 100
    attention: bool = False


GREEDY = SearchSettings(min_length=1)
"""Greedy search."""


def search_of(settings: Any) -> SearchSettings:
    """Return the search that the `evaluate` section of an experiment describes."""
    return SearchSettings(
        beam=settings.beam,
        length_penalty=settings.length_penalty,
        min_length=settings.min_length,
        max_length=settings.max_length,
        batch=settings.batch_sentences,
    )


def most_words(lengths: Any) -> Any:
    """Return the maximum length of translations of sentences of these lengths, which include start and end."""
    return 2 * np.maximum(np.asarray(lengths) - 2, 0) + 10


def translate(
    decoder: Decoder, source: Any, settings: SearchSettings, *, trimmed: bool = True
) -> list[list[Translation]]:
    """Translate sentences in batches of similar length; return the translations in the order of the sentences.

    Args:
        decoder: The network.
        source: Sentences, shape (sentences, positions), padded with 0 at the end.
        settings: Settings of the search.
        trimmed: Whether to trim batches to their longest sentence; False for a network in which padding counts.
    """
    lengths = (source != PADDING).sum(axis=1)
    order = np.argsort(lengths, kind="stable")
    result: list[Any] = [None] * len(source)
    for rows in _parts(order, settings.batch):
        longest = int(lengths[rows].max())
        part = source[rows][:, :longest] if trimmed else source[rows]
        limit = settings.max_length or most_words(lengths[rows])
        if settings.beam == 1:
            single = greedy(decoder, part, longest=limit, shortest=settings.min_length, attention=settings.attention)
            translations = [[translation] for translation in single]
        else:
            translations = beam_search(
                decoder,
                part,
                beam=settings.beam,
                longest=limit,
                shortest=settings.min_length,
                best=min(settings.best, settings.beam),
                length_penalty=settings.length_penalty,
                attention=settings.attention,
            )
        for row, nbest in zip(rows.tolist(), translations, strict=True):
            result[row] = nbest
    return result


def _parts(order: Any, size: int) -> Iterator[Any]:
    for start in range(0, len(order), size):
        yield order[start : start + size]
