"""Pairs of sentences in memory, and how an epoch is cut into batches."""

from typing import Any

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from pipeline.families.translation.data.tokens import PADDING
from pipeline.training import Examples, epoch_order
from pipeline.training.examples import Order


class SentenceExamples(Examples):
    """Pairs of sentences; those of a batch are of like length, and it is as wide as its longest.

    Args:
        source: `(pairs, positions)`, padded with 0 at the end.
        target: Likewise, with start and end: the network is given all but the last, and to predict all but the first.
        batch_size: Of a step, in `unit`.
        unit: `sentences`, or `tokens`: sentences times the longest of them on either side.
        trimmed: False: batches of any sentences, as wide as the arrays, in which padding counts as a word does.
    """

    unit = "target tokens"

    def __init__(
        self,
        source: npt.NDArray[np.int32],
        target: npt.NDArray[np.int32],
        batch_size: int,
        unit: str,
        *,
        trimmed: bool,
    ) -> None:
        self._source, self._target, self._trimmed = tf.constant(source), tf.constant(target), trimmed
        self._lengths = np.stack([(source != PADDING).sum(axis=1), (target != PADDING).sum(axis=1) - 1], axis=1).astype(
            np.int32
        )
        self._known_lengths = tf.constant(self._lengths)
        self.rows = len(source)
        if trimmed:
            self._sorted = np.lexsort((self._lengths[:, 0], self._lengths[:, 1]))
            widths = self._lengths[self._sorted]
        else:
            widths = np.broadcast_to([source.shape[1], target.shape[1] - 1], (self.rows, 2))
        # Sentences of one length change places from epoch to epoch, lengths do not: batches begin at the same places.
        self._bounds = _bounds(widths, batch_size, unit)
        self.per_epoch = len(self._bounds) - 1

    def plan(self, seed: int, epoch: int) -> tuple[Order, Order]:
        """Draw which sentences of like length meet, and the order of the batches."""
        order = epoch_order(seed, epoch, self.rows)
        if not self._trimmed:
            return order, self._bounds
        lengths = self._lengths[order]
        order = order[np.lexsort((lengths[:, 0], lengths[:, 1]))]
        batches = np.random.default_rng([seed, epoch, 1]).permutation(self.per_epoch)
        sizes = np.diff(self._bounds)[batches]
        rows = np.concatenate([order[self._bounds[b] : self._bounds[b + 1]] for b in batches])
        return rows, np.concatenate([[0], np.cumsum(sizes)]).astype(np.int32)

    def batch(self, rows: Any) -> tuple[dict[str, Any], Any, Any]:
        """Gather and trim."""
        source, target = tf.gather(self._source, rows), tf.gather(self._target, rows)
        if self._trimmed:
            longest = tf.reduce_max(tf.gather(self._known_lengths, rows), axis=0)
            source, target = source[:, : longest[0]], target[:, : longest[1] + 1]
        wanted = target[:, 1:]
        words = tf.math.count_nonzero(wanted, dtype=tf.int32) if self._trimmed else tf.size(wanted)
        return {"source": source, "target": target[:, :-1]}, wanted, words

    def amount(self, rows: Order) -> float:
        """Count the words to predict."""
        return float(self._lengths[rows, 1].sum())


def _bounds(widths: npt.NDArray[Any], size: int, unit: str) -> Order:
    if unit == "sentences":
        return np.unique(np.append(np.arange(0, len(widths), size), len(widths))).astype(np.int32)
    bounds, longest = [0], 0
    for place, width in enumerate(widths.max(axis=1).tolist()):
        longest = max(longest, width)
        if place > bounds[-1] and (place + 1 - bounds[-1]) * longest > size:
            bounds.append(place)
            longest = width
    return np.array([*bounds, len(widths)], np.int32)
