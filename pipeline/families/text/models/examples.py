"""Windows and streams of a text, and their division into batches."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from pipeline.training import Examples
from pipeline.training.examples import Order, ShuffledExamples


class WindowExamples(ShuffledExamples):
    """Windows of a text, each labelled with the character after it.

    Args:
        text: Character numbers, shape (characters,).
        window: Number of characters per window.
        step: Distance between the starts of consecutive windows.
        batch_size: Number of windows per batch.
    """

    unit = "characters"

    def __init__(self, text: npt.NDArray[np.int32], window: int, step: int, batch_size: int) -> None:
        self._text = tf.constant(text)
        self._starts = tf.range(0, len(text) - window, step)
        self._offsets = tf.range(window + 1)
        super().__init__(len(self._starts), batch_size)

    def batch(self, rows: Any) -> tuple[dict[str, Any], Any, Any]:
        """Return the inputs, labels and number of labels of a batch."""
        windows = tf.gather(self._text, tf.gather(self._starts, rows)[:, None] + self._offsets)
        return {"text": windows[:, :-1]}, windows[:, -1], tf.size(rows)


class StreamExamples(Examples):
    """Parallel streams of a text, read one piece per step; the state is carried from piece to piece.

    Backpropagation through time is truncated at the start of each piece (Williams, Peng: An Efficient Gradient-Based
    Algorithm for On-Line Training of Recurrent Network Trajectories, 1990). Each epoch begins with a state of zeros.

    Args:
        text: Character numbers, shape (characters,).
        streams: Number of parallel streams.
        sequence: Number of characters per piece.
        state: Width of each part of the state, by name.
    """

    unit = "characters"

    def __init__(self, text: npt.NDArray[np.int32], streams: int, sequence: int, state: Mapping[str, int]) -> None:
        length = (len(text) - 1) // streams
        self._streams, self._sequence, self._length = streams, sequence, length
        self._inputs = tf.constant(text[: streams * length].reshape(streams, length))
        self._targets = tf.constant(text[1 : streams * length + 1].reshape(streams, length))
        self._state = {name: tf.Variable(tf.zeros([streams, units]), trainable=False) for name, units in state.items()}
        self.rows = self.per_epoch = -(-length // sequence)
        self._bounds = np.arange(self.rows + 1, dtype=np.int32)

    def plan(self, seed: int, epoch: int) -> tuple[Order, Order]:
        """Return the pieces in text order."""
        return np.arange(self.rows, dtype=np.int32), self._bounds

    def batch(self, rows: Any) -> tuple[dict[str, Any], Any, Any]:
        """Return the inputs, labels and number of labels of one piece of each stream."""
        first = rows[0] * self._sequence
        text, labels = (side[:, first : first + self._sequence] for side in (self._inputs, self._targets))
        has_state = tf.cast(first > 0, tf.float32)
        state = {name: variable * has_state for name, variable in self._state.items()}
        return {"text": text, **state}, labels, tf.size(text)

    @property
    def carried(self) -> dict[str, tf.Variable]:
        """The state that is carried from batch to batch."""
        return self._state

    def carry(self, output: Any) -> None:
        """Store the state that the network returned."""
        for name, variable in self._state.items():
            variable.assign(tf.cast(output[name], tf.float32))

    def amount(self, rows: Order) -> float:
        """Return the number of characters in these pieces."""
        ends = np.minimum((rows.astype(np.int64) + 1) * self._sequence, self._length)
        return float((ends - rows.astype(np.int64) * self._sequence).sum() * self._streams)
