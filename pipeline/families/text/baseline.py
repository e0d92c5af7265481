"""Simple baselines that predict the next character."""

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
    """Predictions of a text.

    Attributes:
        losses: Loss of each character in nats, shape (characters,).
        right: Whether the most probable character was the correct one, shape (characters,).
    """

    losses: npt.NDArray[np.float64]
    right: npt.NDArray[np.bool_]


def n_gram(order: int) -> Callable[[Numbers, Numbers, int, int], Guesses]:
    """Return an n-gram model, which counts the characters that follow each context.

    Longer contexts are interpolated with shorter ones (Witten, Bell: The Zero-Frequency Problem, 1991): for a context
    seen `n` times with `k` different next characters, its own counts have weight `n / (n + k)`.

    Args:
        order: Length of the n-grams, including the predicted character.
    """

    def model(train: Numbers, text: Numbers, context: int, characters: int) -> Guesses:
        both = np.concatenate([train, text]).astype(np.int64)
        # Positions of the characters to predict.
        targets = np.arange(len(train) + context, len(both))
        probability, best = np.full(len(targets), 1.0 / characters), np.zeros(len(targets), np.int64)
        before = np.zeros(len(both), np.int64)
        for length in range(1, min(order, len(train)) + 1):
            # Contexts are numbered; each pair of context and character gets the number of the next longer context.
            before = before[: len(both) - length + 1]
            _, first, grams = np.unique(
                before * characters + both[length - 1 :], return_index=True, return_inverse=True
            )
            known = len(train) - length + 1
            times = np.bincount(grams[:known], minlength=len(first))
            owners, last = before[first], both[first + length - 1]
            totals = np.bincount(before[:known], minlength=before.max() + 1)
            kinds = np.bincount(owners[times > 0], minlength=len(totals))
            starts = targets - length + 1
            seen, kind = totals[before[starts]], kinds[before[starts]]
            mixed = (times[grams[starts]] + kind * probability) / np.maximum(seen + kind, 1)
            probability = np.where(seen > 0, mixed, probability)
            # Sorted by context, then by count: the last character of each context is the most frequent.
            by_count = np.lexsort((times, owners))
            ends = np.searchsorted(owners[by_count], np.arange(len(totals)), side="right") - 1
            best = np.where(seen > 0, last[by_count][ends][before[starts]], best)
            before = grams
        return Guesses(-np.log(probability), best == both[targets])

    return model


BASELINES: dict[str, Callable[[Numbers, Numbers, int, int], Guesses]] = {
    "single characters": n_gram(1),
    "6-grams": n_gram(6),
}
"""Baselines by name: functions of the training text, the text, its number of unscored first characters and the number
of different characters."""


class TextBaselines(BaselineTask):
    """Score the frequencies of single characters, and a 6-gram model."""

    def scores(self) -> Iterator[tuple[str, Scores]]:
        """Yield the name and test scores of each baseline."""
        train, test = load_part(PROCESSED, "train"), load_part(PROCESSED, "test")
        context = len(test) - self.schema.lengths["test"]
        for name, model in BASELINES.items():
            guesses = model(train, test, context, len(self.schema.characters))
            score = TextScores(guesses.losses, guesses.right)
            yield name, Scores.resampled(score, np.arange(len(score)), self.config.evaluate)
