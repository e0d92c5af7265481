"""Training steps on TensorFlow: many steps per graph call, on examples in memory."""

from collections.abc import Callable
from typing import Any

import keras
import tensorflow as tf

from pipeline.models import members_of, to_float32
from pipeline.training.averaging import WeightAverage
from pipeline.training.examples import Examples
from pipeline.training.optimizer import summed

Loss = Callable[[Any, Any], Any]


class Steps:
    """Runs the steps of an epoch in chunks, each of them one call of a TensorFlow graph.

    The constructor traces the graph in the precision that the network was built with, then switches the network to
    float32, so that validation and the saved network compute in float32.

    Args:
        model: The network to train. The members of an ensemble are trained side by side, independently.
        optimizer: The optimizer of all weights.
        loss: Targets and outputs of one batch → mean loss, shape ().
        examples: The training examples.
        average: The moving average of the weights, updated after each step.
        clip_norm: The largest allowed norm of the gradient of all weights; 0 for no limit.
    """

    def __init__(
        self,
        model: keras.Model,
        optimizer: keras.optimizers.Optimizer,
        loss: Loss,
        examples: Examples,
        average: WeightAverage,
        clip_norm: float = 0.0,
    ) -> None:
        self._model, self._members, self._optimizer, self._loss = model, members_of(model), optimizer, loss
        self._examples, self._average, self._clip_norm = examples, average, clip_norm
        self.per_epoch = examples.per_epoch
        self._order = tf.Variable(tf.zeros(examples.rows, tf.int32), trainable=False)
        self._bounds = tf.Variable(tf.zeros(examples.per_epoch + 1, tf.int32), trainable=False)
        # Summed in the graph, step by step, so that the sums do not depend on the chunks.
        self.loss_sum = tf.Variable(0.0, dtype=tf.float64, trainable=False)
        self.weight_sum = tf.Variable(0.0, dtype=tf.float64, trainable=False)
        self.bad_step = tf.Variable(-1, dtype=tf.int32, trainable=False)
        optimizer.build(model.trainable_variables)
        index = tf.TensorSpec([], tf.int32)
        # Without AutoGraph, which does not support newer Python versions; the loop is written explicitly.
        self._graph = tf.function(self._run, autograph=False).get_concrete_function(index, index)
        to_float32(model)

    def begin(self, seed: int, epoch: int) -> None:
        """Set up the batches of an epoch."""
        order, bounds = self._examples.plan(seed, epoch)
        self._order.assign(order)
        self._bounds.assign(bounds)

    def run(self, first: int, last: int) -> None:
        """Run steps `first … last - 1`."""
        self._graph(tf.constant(first), tf.constant(last))

    def amount(self, first: int) -> float:
        """Return the number of units in the steps from `first` to the end of the epoch."""
        return self._examples.amount(self._order.numpy()[self._bounds.numpy()[first] :])

    @property
    def loss(self) -> float:
        """The mean loss of the epoch so far."""
        return float(self.loss_sum.numpy()) / max(float(self.weight_sum.numpy()), 1.0)

    def forget(self) -> None:
        """Reset the sums."""
        self.loss_sum.assign(0.0)
        self.weight_sum.assign(0.0)

    def _run(self, first: tf.Tensor, last: tf.Tensor) -> None:
        tf.while_loop(
            lambda step: tf.logical_and(step < last, self.bad_step < 0), self._one, [first], parallel_iterations=1
        )

    def _one(self, step: tf.Tensor) -> list[tf.Tensor]:
        rows = self._order[self._bounds[step] : self._bounds[step + 1]]
        loss, weight = self._step(rows)
        weight = tf.cast(weight, tf.float64)
        self.loss_sum.assign_add(tf.cast(loss, tf.float64) * weight)
        self.weight_sum.assign_add(weight)
        self.bad_step.assign(tf.where(tf.math.is_finite(loss), self.bad_step, step))
        return [step + 1]

    def _step(self, rows: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        inputs, target, weight = self._examples.batch(rows)
        with tf.GradientTape() as tape:
            outputs = [member(inputs, training=True) for member in self._members]
            losses = [self._loss(target, output) for output in outputs]
            # The sum, not the mean: each member gets the gradients that it would get on its own.
            total = tf.add_n(losses)
        variables = self._model.trainable_variables
        gradients = tape.gradient(total, [v.value for v in variables])
        if self._clip_norm:
            # Sum the gradients of repeated rows first; otherwise the norm would be wrong.
            unique = [summed(g) if isinstance(g, tf.IndexedSlices) else g for g in gradients]
            gradients, _ = tf.clip_by_global_norm(unique, self._clip_norm)
        self._examples.carry(outputs[0])
        loss = total / len(losses)
        # Skip the update if the loss is not finite, so that the error message can inspect the weights.
        tf.cond(tf.math.is_finite(loss), lambda: self._apply(gradients, variables), lambda: True)
        return loss, weight

    def _apply(self, gradients: Any, variables: Any) -> bool:
        self._optimizer.apply(gradients, variables)
        self._average.update(self._optimizer.iterations)
        return True

    def largest_input(self, step: int) -> tuple[str, float, int] | None:
        """Return (name, value, row) of the largest numeric input of a step; rows count from 0 in the training split."""
        first, last = self._bounds.numpy()[step : step + 2]
        return self._examples.largest_input(self._order.numpy()[first:last])
