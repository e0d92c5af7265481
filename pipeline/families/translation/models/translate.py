"""Sentences in, translations out, so many at a time. NumPy alone."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from pipeline.families.translation.data.tokens import PADDING
from pipeline.families.translation.models.search import Decoder, Translation, beam_search, greedy


@dataclass(frozen=True)
class SearchSettings:
    """How translations are searched.

    Attributes:
        beam: Followed at a time; 1 for greedy.
        best: Wanted a sentence.
        length_penalty: See `beam_search`.
        min_length: Words at least.
        max_length: Words at most; 0: twice as many as the sentence has, and ten.
        batch: Sentences at a time.
        attention: Keep where the network looked.
    """

    beam: int = 1
    best: int = 1
    length_penalty: float = 0.0
    min_length: int = 0
    max_length: int = 0
    batch: int = 100
    attention: bool = False


def most_words(lengths: Any) -> Any:
    """Return how long a translation may become, by the words of its sentence, start and end among them."""
    return 2 * np.maximum(np.asarray(lengths) - 2, 0) + 10


def translate(
    decoder: Decoder, source: Any, settings: SearchSettings, *, trimmed: bool = True
) -> list[list[Translation]]:
    """Translate sentences, those of like length together; return their translations in the order given.

    Args:
        decoder: The network.
        source: `(sentences, positions)`, padded with 0 at the end.
        settings: How.
        trimmed: Cut batches to their longest sentence; a network in which padding counts wants all positions.
    """
    lengths = (source != PADDING).sum(axis=1)
    order = np.argsort(lengths, kind="stable")
    found: list[Any] = [None] * len(source)
    for rows in _parts(order, settings.batch):
        longest = int(lengths[rows].max())
        part = source[rows][:, :longest] if trimmed else source[rows]
        limit = settings.max_length or most_words(lengths[rows])
        if settings.beam == 1:
            single = greedy(decoder, part, longest=limit, shortest=settings.min_length, attention=settings.attention)
            translations = [[each] for each in single]
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
        for row, each in zip(rows.tolist(), translations, strict=True):
            found[row] = each
    return found


def _parts(order: Any, size: int) -> Iterator[Any]:
    for start in range(0, len(order), size):
        yield order[start : start + size]
