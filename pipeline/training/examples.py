"""Training examples in memory, and how an epoch is cut into batches."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import tensorflow as tf

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
