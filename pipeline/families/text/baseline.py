"""What simple models hold of the next character."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pipeline.families.text.data.schema import load_part
from pipeline.families.text.metrics.scores import TextScores
from pipeline.storage import PROCESSED
from pipeline.tasks import BaselineTask, Scores

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
        order: Characters that are looked at, the predicted one included.
    """

    def model(train: Numbers, text: Numbers, context: int, characters: int) -> Guesses:
        both = np.concatenate([train, text]).astype(np.int64)
        # Places of the characters to predict.
        asked = np.arange(len(train) + context, len(both))
        chance, best = np.full(len(asked), 1.0 / characters), np.zeros(len(asked), np.int64)
        before = np.zeros(len(both), np.int64)
        for length in range(1, min(order, len(train)) + 1):
            # Before a character stands a context, which has a number; the two together get one for the next round.
            before = before[: len(both) - length + 1]
            _, first, grams = np.unique(
                before * characters + both[length - 1 :], return_index=True, return_inverse=True
            )
            known = len(train) - length + 1
            times = np.bincount(grams[:known], minlength=len(first))
            owners, last = before[first], both[first + length - 1]
            totals = np.bincount(before[:known], minlength=before.max() + 1)
            kinds = np.bincount(owners[times > 0], minlength=len(totals))
            place = asked - length + 1
            seen, kind = totals[before[place]], kinds[before[place]]
            mixed = (times[grams[place]] + kind * chance) / np.maximum(seen + kind, 1)
            chance = np.where(seen > 0, mixed, chance)
            # Within each context the followers stand in order of how often they came: the last is the most frequent.
            order_of = np.lexsort((times, owners))
            ends = np.searchsorted(owners[order_of], np.arange(len(totals)), side="right") - 1
            best = np.where(seen > 0, last[order_of][ends][before[place]], best)
            before = grams
        return Guesses(-np.log(chance), best == both[asked])

    return model


BASELINES: dict[str, Callable[[Numbers, Numbers, int, int], Guesses]] = {
    "single characters": n_gram(1),
    "6-grams": n_gram(6),
}
"""Name → model: training text, text, characters of it that are read and not scored, size of the alphabet."""


class TextBaselines(BaselineTask):
    """Frequencies of characters, and of what follows the last five."""

    def scores(self) -> Iterator[tuple[str, Scores]]:
        """Count and score each."""
        train, test = load_part(PROCESSED, "train"), load_part(PROCESSED, "test")
        context = len(test) - self.schema.lengths["test"]
        for name, model in BASELINES.items():
            found = model(train, test, context, len(self.schema.characters))
            score = TextScores(found.losses, found.right)
            yield name, Scores.resampled(score, np.arange(len(score)), self.config.evaluate)
