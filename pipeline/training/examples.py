"""Training examples in memory, and the batches of an epoch."""

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
        rows: The number of examples.
        per_epoch: The number of steps per epoch, the same for all epochs.
        unit: The unit of the training rate, such as rows.
    """

    rows: int
    per_epoch: int
    unit: str

    @abstractmethod
    def plan(self, seed: int, epoch: int) -> tuple[Order, Order]:
        """Return the rows of an epoch in order, and the start of each batch followed by the end of the last.

        They depend only on (seed, epoch), so that a resumed training repeats them.
        """

    @abstractmethod
    def batch(self, rows: Any) -> tuple[dict[str, Any], Any, Any]:
        """Return the inputs by name, the target and the weight of a batch, as part of the graph."""

    @property
    def carried(self) -> dict[str, tf.Variable]:
        """Variables that are carried from step to step, by name; checkpoints include them."""
        return {}

    def carry(self, _output: Any) -> None:
        """Update the carried variables from the output of a step, as part of the graph; by default there are none."""
        return

    @abstractmethod
    def amount(self, rows: Order) -> float:
        """Return the number of units in rows."""

    def largest_input(self, rows: Order) -> tuple[str, float, int] | None:
        """Return (input name, value, row) of the largest absolute value among the numeric inputs."""
        return None


class ShuffledExamples(Examples):
    """Examples in random order with a fixed batch size; the last batch of an epoch may be smaller.

    Args:
        rows: The number of examples.
        batch_size: The number of examples per step.
    """

    def __init__(self, rows: int, batch_size: int) -> None:
        self.rows, self.per_epoch = rows, -(-rows // batch_size)
        self._bounds = np.minimum(np.arange(self.per_epoch + 1) * batch_size, rows).astype(np.int32)

    def plan(self, seed: int, epoch: int) -> tuple[Order, Order]:
        """Return a random order and the bounds of the batches."""
        return epoch_order(seed, epoch, self.rows), self._bounds

    def amount(self, rows: Order) -> float:
        """Return the number of rows."""
        return len(rows)


class ArrayExamples(ShuffledExamples):
    """Examples that are rows of arrays.

    Args:
        inputs: The arrays by name, shape (rows, …) each.
        target: The target, shape (rows,).
        batch_size: The number of rows per step.
    """

    unit = "rows"

    def __init__(
        self, inputs: Mapping[str, npt.NDArray[Any]], target: npt.NDArray[np.float32], batch_size: int
    ) -> None:
        self._inputs = {name: tf.constant(array) for name, array in inputs.items()}
        self._target = tf.constant(target)
        super().__init__(len(target), batch_size)

    def batch(self, rows: Any) -> tuple[dict[str, Any], Any, Any]:
        """Gather the rows of a batch."""
        inputs = {name: tf.gather(array, rows) for name, array in self._inputs.items()}
        return inputs, tf.gather(self._target, rows), tf.size(rows)

    def largest_input(self, rows: Order) -> tuple[str, float, int] | None:
        """Search the floating-point inputs."""
        best: tuple[str, float, int] | None = None
        for name, array in self._inputs.items():
            if array.dtype.is_floating and array.shape[1]:
                values = np.nan_to_num(np.abs(tf.gather(array, rows).numpy()), nan=-1.0, posinf=np.inf)
                place = int(values.max(axis=1).argmax())
                largest = float(values[place].max())
                if best is None or largest > best[1]:
                    best = (name, largest, int(rows[place]))
        return best
