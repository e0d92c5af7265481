"""Training steps on TensorFlow: many of them in one graph, on examples in memory."""

from collections.abc import Callable, Mapping
from typing import Any

import keras
import numpy as np
import numpy.typing as npt
import tensorflow as tf

from pipeline.models import members_of, to_float32
from pipeline.training.averaging import WeightAverage

Loss = Callable[[Any, Any], Any]


class Steps:
    """Runs steps of one epoch; Python sees only the chunks.

    The graph of the steps is made here, in the precision that the network was built with; from then on the network
    computes in float32: what is validated and kept is what will be used.

    Args:
        model: To train. Networks whose outputs it averages learn side by side, each for itself.
        optimizer: Of all weights.
        loss: `(target, output) -> ` mean over the batch.
        inputs: Examples by input name, first axis rows.
        target: `(rows,)`.
        batch_size: Rows a step; the last one of an epoch takes what is left.
        average: Updated after each step.
    """

    def __init__(
        self,
        model: keras.Model,
        optimizer: keras.optimizers.Optimizer,
        loss: Loss,
        inputs: Mapping[str, npt.NDArray[Any]],
        target: npt.NDArray[np.float32],
        batch_size: int,
        average: WeightAverage,
    ) -> None:
        self._model, self._members, self._optimizer, self._loss = model, members_of(model), optimizer, loss
        self._average = average
        self._inputs = {name: tf.constant(array) for name, array in inputs.items()}
        self._target = tf.constant(target)
        self._batch = batch_size
        self.rows = len(target)
        self._order = tf.Variable(tf.zeros(self.rows, tf.int32), trainable=False)
        # Sums live with the tensors: added up in the graph, step by step, they do not depend on the chunks.
        self.loss_sum = tf.Variable(0.0, dtype=tf.float64, trainable=False)
        self.bad_step = tf.Variable(-1, dtype=tf.int32, trainable=False)
        optimizer.build(model.trainable_variables)
        place = tf.TensorSpec([], tf.int32)
        # No AutoGraph, which does not read the code of newer Pythons: the loop is spelled out.
        self._graph = tf.function(self._run, autograph=False).get_concrete_function(place, place)
        to_float32(model)

    @property
    def per_epoch(self) -> int:
        """Steps in an epoch."""
        return -(-self.rows // self._batch)

    def set_order(self, order: npt.NDArray[np.int32]) -> None:
        """Set the order of examples of the present epoch."""
        self._order.assign(order)

    def run(self, first: int, last: int) -> None:
        """Run steps `first … last - 1`."""
        self._graph(tf.constant(first), tf.constant(last))

    def _run(self, first: tf.Tensor, last: tf.Tensor) -> None:
        tf.while_loop(
            lambda step: tf.logical_and(step < last, self.bad_step < 0), self._one, [first], parallel_iterations=1
        )

    def _one(self, step: tf.Tensor) -> list[tf.Tensor]:
        rows = self._order[step * self._batch : tf.minimum((step + 1) * self._batch, self.rows)]
        loss = self._step(rows)
        self.loss_sum.assign_add(tf.cast(loss, tf.float64) * tf.cast(tf.size(rows), tf.float64))
        self.bad_step.assign(tf.where(tf.math.is_finite(loss), self.bad_step, step))
        return [step + 1]

    def _step(self, rows: tf.Tensor) -> tf.Tensor:
        inputs = {name: tf.gather(array, rows) for name, array in self._inputs.items()}
        target = tf.gather(self._target, rows)
        with tf.GradientTape() as tape:
            losses = [self._loss(target, member(inputs, training=True)) for member in self._members]
            # Their sum: each network's gradients are what they would be were it alone.
            total = tf.add_n(losses)
        variables = self._model.trainable_variables
        gradients = tape.gradient(total, [v.value for v in variables])
        loss = total / len(losses)
        # A loss that is no number changes no weight: they are still there to be looked at.
        tf.cond(tf.math.is_finite(loss), lambda: self._apply(gradients, variables), lambda: True)
        return loss

    def _apply(self, gradients: Any, variables: Any) -> bool:
        self._optimizer.apply(gradients, variables)
        self._average.update(self._optimizer.iterations)
        return True

    def largest_input(self, step: int) -> tuple[str, float, int] | None:
        """Return name, value and row (from 0, among the training rows) of the largest number that a step is given."""
        rows = self._order.numpy()[step * self._batch : (step + 1) * self._batch]
        found = None
        for name, array in self._inputs.items():
            if array.dtype.is_floating and array.shape[1]:
                values = np.nan_to_num(np.abs(tf.gather(array, rows).numpy()), nan=-1.0, posinf=np.inf)
                place = int(values.max(axis=1).argmax())
                found = (name, float(values[place].max()), int(rows[place]))
        return found
