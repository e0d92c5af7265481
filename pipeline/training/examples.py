"""Training examples in memory, and how an epoch is cut into batches."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from pipeline.portable.search import PADDING
from pipeline.training.determinism import epoch_order

Order = npt.NDArray[np.int32]


class Examples(ABC):
    """Examples by row, and the batches of an epoch.

    Attributes:
        rows: Examples.
        per_epoch: Steps in an epoch, the same in each.
        unit: What a rate counts.
    """

    rows: int
    per_epoch: int
    unit: str

    @abstractmethod
    def plan(self, seed: int, epoch: int) -> tuple[Order, Order]:
        """Return the rows of an epoch in order, and where each batch begins, with the end of the last.

        They hang on nothing but (seed, epoch): a resumed training needs no more.
        """

    @abstractmethod
    def batch(self, rows: Any) -> tuple[dict[str, Any], Any, Any]:
        """Return inputs by name, target, and how much the batch counts: within the graph."""

    @property
    def carried(self) -> dict[str, tf.Variable]:
        """What goes on from step to step, by name: it belongs to a checkpoint."""
        return {}

    def carry(self, _output: Any) -> None:
        """Take from a step's output what the next step is given; part of the graph. Nothing, unless told otherwise."""
        return

    @abstractmethod
    def amount(self, rows: Order) -> float:
        """Return how many units rows hold."""

    def largest_input(self, rows: Order) -> tuple[str, float, int] | None:
        """Return name, value and row of the largest number among inputs that are no codes."""
        return None


class ShuffledExamples(Examples):
    """Examples in any order, so many a batch; the last one of an epoch takes what is left.

    Args:
        rows: Examples.
        batch_size: Of a step.
    """

    def __init__(self, rows: int, batch_size: int) -> None:
        self.rows, self.per_epoch = rows, -(-rows // batch_size)
        self._bounds = np.minimum(np.arange(self.per_epoch + 1) * batch_size, rows).astype(np.int32)

    def plan(self, seed: int, epoch: int) -> tuple[Order, Order]:
        """Draw an order."""
        return epoch_order(seed, epoch, self.rows), self._bounds

    def amount(self, rows: Order) -> float:
        """Count."""
        return len(rows)


class ArrayExamples(ShuffledExamples):
    """Rows of arrays.

    Args:
        inputs: By name, first axis rows.
        target: `(rows,)`.
        batch_size: Rows a step.
    """

    unit = "rows"

    def __init__(
        self, inputs: Mapping[str, npt.NDArray[Any]], target: npt.NDArray[np.float32], batch_size: int
    ) -> None:
        self._inputs = {name: tf.constant(array) for name, array in inputs.items()}
        self._target = tf.constant(target)
        super().__init__(len(target), batch_size)

    def batch(self, rows: Any) -> tuple[dict[str, Any], Any, Any]:
        """Gather."""
        inputs = {name: tf.gather(array, rows) for name, array in self._inputs.items()}
        return inputs, tf.gather(self._target, rows), tf.size(rows)

    def largest_input(self, rows: Order) -> tuple[str, float, int] | None:
        """Look through the inputs that are numbers."""
        found: tuple[str, float, int] | None = None
        for name, array in self._inputs.items():
            if array.dtype.is_floating and array.shape[1]:
                values = np.nan_to_num(np.abs(tf.gather(array, rows).numpy()), nan=-1.0, posinf=np.inf)
                place = int(values.max(axis=1).argmax())
                largest = float(values[place].max())
                if found is None or largest > found[1]:
                    found = (name, largest, int(rows[place]))
        return found


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
