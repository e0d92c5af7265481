"""Windows and streams of a text, and how an epoch is cut into batches."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from pipeline.training import Examples
from pipeline.training.examples import Order, ShuffledExamples


class WindowExamples(ShuffledExamples):
    """Windows of a text, and the character behind each.

    Args:
        text: Numbers, `(characters,)`.
        window: Characters in each.
        step: From one to the next.
        batch_size: Windows of a step.
    """

    unit = "characters"

    def __init__(self, text: npt.NDArray[np.int32], window: int, step: int, batch_size: int) -> None:
        self._text = tf.constant(text)
        self._starts = tf.range(0, len(text) - window, step)
        self._places = tf.range(window + 1)
        super().__init__(len(self._starts), batch_size)

    def batch(self, rows: Any) -> tuple[dict[str, Any], Any, Any]:
        """Gather."""
        windows = tf.gather(self._text, tf.gather(self._starts, rows)[:, None] + self._places)
        return {"text": windows[:, :-1]}, windows[:, -1], tf.size(rows)


class StreamExamples(Examples):
    """A text read from several places at once, a piece a step; the state goes on from piece to piece.

    Gradients end where a piece begins (Williams, Peng: An Efficient Gradient-Based Algorithm for On-Line Training of
    Recurrent Network Trajectories, 1990). An epoch begins with a state of zeros.

    Args:
        text: Numbers, `(characters,)`.
        streams: Places.
        sequence: Characters of a piece.
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
        """Go through the text as it stands."""
        return np.arange(self.rows, dtype=np.int32), self._bounds

    def batch(self, rows: Any) -> tuple[dict[str, Any], Any, Any]:
        """Cut a piece out of each stream."""
        first = rows[0] * self._sequence
        text, wanted = (side[:, first : first + self._sequence] for side in (self._inputs, self._targets))
        going = tf.cast(first > 0, tf.float32)
        state = {name: variable * going for name, variable in self._state.items()}
        return {"text": text, **state}, wanted, tf.size(text)

    @property
    def carried(self) -> dict[str, tf.Variable]:
        """The state."""
        return self._state

    def carry(self, output: Any) -> None:
        """Keep the state."""
        for name, variable in self._state.items():
            variable.assign(tf.cast(output[name], tf.float32))

    def amount(self, rows: Order) -> float:
        """Count."""
        ends = np.minimum((rows.astype(np.int64) + 1) * self._sequence, self._length)
        return float((ends - rows.astype(np.int64) * self._sequence).sum() * self._streams)
