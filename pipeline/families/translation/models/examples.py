"""Sentence pairs in memory, and their division into batches."""

from typing import Any

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from pipeline.families.translation.data.tokens import PADDING
from pipeline.training import Examples, epoch_order
from pipeline.training.examples import Order


class SentenceExamples(Examples):
    """Batches of sentence pairs of similar length, each as wide as its longest sentence.

    Args:
        source: Source sentences, shape (pairs, positions), padded with 0 at the end.
        target: Target sentences with start and end, in the same layout; the network's input is all tokens but the
            last, its labels are all but the first.
        batch_size: Size of a batch, in `unit`.
        unit: `sentences`, or `tokens` (the number of sentences times the length of the longest on either side).
        trimmed: If False, batches hold sentences of any length, are as wide as the arrays, and padding counts as words
            do.
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
        # Only sentences of equal length trade places between epochs, so that batch boundaries stay the same.
        self._bounds = _bounds(widths, batch_size, unit)
        self.per_epoch = len(self._bounds) - 1

    def plan(self, seed: int, epoch: int) -> tuple[Order, Order]:
        """Shuffle sentences of equal length, and the order of the batches."""
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
        """Return the inputs, labels and number of label words of a batch."""
        source, target = tf.gather(self._source, rows), tf.gather(self._target, rows)
        if self._trimmed:
            longest = tf.reduce_max(tf.gather(self._known_lengths, rows), axis=0)
            source, target = source[:, : longest[0]], target[:, : longest[1] + 1]
        labels = target[:, 1:]
        words = tf.math.count_nonzero(labels, dtype=tf.int32) if self._trimmed else tf.size(labels)
        return {"source": source, "target": target[:, :-1]}, labels, words

    def amount(self, rows: Order) -> float:
        """Return the number of label words."""
        return float(self._lengths[rows, 1].sum())


def _bounds(widths: npt.NDArray[Any], size: int, unit: str) -> Order:
    if unit == "sentences":
        return np.unique(np.append(np.arange(0, len(widths), size), len(widths))).astype(np.int32)
    bounds, longest = [0], 0
    for row, width in enumerate(widths.max(axis=1).tolist()):
        longest = max(longest, width)
        if row > bounds[-1] and (row + 1 - bounds[-1]) * longest > size:
            bounds.append(row)
            longest = width
    return np.array([*bounds, len(widths)], np.int32)
