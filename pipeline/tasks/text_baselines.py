"""What simple models hold of the next character."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Numbers = npt.NDArray[np.int32]


@dataclass(frozen=True)
class Guesses:
    """Of each character: its loss in nats, and whether the most probable was the right one; `(characters,)`."""

    losses: npt.NDArray[np.float64]
    right: npt.NDArray[np.bool_]


def n_gram(order: int) -> Callable[[Numbers, Numbers, int, int], Guesses]:
    """Return a model that counts which character followed the last few.

    Shorter memories fill in where longer ones saw little (Witten, Bell: The Zero-Frequency Problem, 1991): after a
    context seen `n` times with `k` different followers, those counts weigh `n / (n + k)`.

    Args:
        order: Characters that are looked at, the predicted one included; fewer where their numbers do not fit 64 bits.
    """

    def model(train: Numbers, text: Numbers, context: int, characters: int) -> Guesses:
        fits = int(63 / np.log2(max(2, characters)))
        chance = np.full(len(text) - context, 1.0 / characters)
        # The most probable follower of the longest context that was seen.
        best = np.zeros(len(text) - context, np.int64)
        for length in range(1, min(order, fits) + 1):
            known, asked = _grams(train, length, characters), _grams(text, length, characters)[context - length + 1 :]
            grams, times = np.unique(known, return_counts=True)
            contexts, first, kinds = np.unique(grams // characters, return_index=True, return_counts=True)
            total = np.add.reduceat(times, first)
            place = np.minimum(np.searchsorted(contexts, asked // characters), len(contexts) - 1)
            is_seen = contexts[place] == asked // characters
            at = np.minimum(np.searchsorted(grams, asked), len(grams) - 1)
            count = np.where(grams[at] == asked, times[at], 0)
            mixed = (count + kinds[place] * chance) / (total[place] + kinds[place])
            chance = np.where(is_seen, mixed, chance)
            # Within each context the followers stand in order of how often they came: the last is the most frequent.
            order_of = np.lexsort((times, grams // characters))
            top = grams[order_of][np.append(first[1:], len(grams)) - 1] % characters
            best = np.where(is_seen, top[place], best)
        return Guesses(-np.log(chance), best == text[context:])

    return model


def _grams(text: Numbers, length: int, characters: int) -> npt.NDArray[np.int64]:
    """Return a number for each `length` characters in a row, by the place of the first of them."""
    found = np.zeros(len(text) - length + 1, np.int64)
    for place in range(length):
        found = found * characters + text[place : len(text) - length + 1 + place]
    return found


BASELINES: dict[str, Callable[[Numbers, Numbers, int, int], Guesses]] = {
    "single characters": n_gram(1),
    "6-grams": n_gram(6),
}
"""Name → model: training text, text, characters of it that are read and not scored, size of the alphabet."""
