"""Adam that touches only the rows of a table which a batch used, its learning rate over a training, weight decay."""

from typing import Any

import keras
import numpy as np
import tensorflow as tf

DECAYED = ("kernel", "recurrent_kernel", "query_kernel", "embeddings", "reverse_embeddings", "table")
"""Weights that are matrices by their meaning, not by their shape alone."""


def summed(gradient: tf.IndexedSlices) -> tf.IndexedSlices:
    """Return a gradient in which each row stands once: its occurrences in a batch summed up."""
    rows, place = tf.unique(gradient.indices)
    values = tf.math.unsorted_segment_sum(gradient.values, place, tf.size(rows))
    return tf.IndexedSlices(values, rows, gradient.dense_shape)


class RowSparseAdam(keras.optimizers.Adam):
    """Keras' Adam, where the gradient of a table comes as rows: moments and weights of other rows stay as they are.

    A row that occurs in every batch moves exactly as under Adam. One that does not is left alone, where Adam would keep
    moving it by its old moments ("lazy Adam"). Keras' own optimizer works through the whole table at each step, and
    squares the gradients of a row's occurrences one by one, not their sum.

    Args:
        learning_rate: A number or a schedule.
        decay: Weight decay apart from the gradient (Loshchilov, Hutter: Decoupled Weight Decay Regularization, 2019),
            of matrices and tables, of tables that are looked up the rows that a batch used; biases, scales and
            frequencies have none.
        lazy: Whether rows that a batch did not use are left alone. Otherwise they keep moving as under Adam, and rare
            words learn several times as fast: one gradient moves its row for some dozen steps instead of one.
    """

    def __init__(self, learning_rate: Any, decay: float = 0.0, *, lazy: bool = False) -> None:
        super().__init__(learning_rate)
        self._lazy = lazy
        # Not Keras' own weight_decay, which works through whole tables.
        self._decay = decay

    def build(self, variables: Any) -> None:
        """Make the moments, and note which variables are matrices."""
        super().build(variables)
        self._is_kernel = [variable.name in DECAYED for variable in variables]

    def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
        """Update a variable and its moments."""
        kept = 1 - self._decay * tf.cast(learning_rate, variable.dtype)
        if not self._lazy:
            gradient = tf.convert_to_tensor(gradient)
        if not isinstance(gradient, tf.IndexedSlices):
            index = self._get_variable_index(variable)
            if self._decay and self._is_kernel[index]:
                variable.assign(variable * kept)
            # One pass over memory where Keras' Adam, of the same formula, takes several.
            step = tf.cast(self.iterations + 1, variable.dtype)
            tf.raw_ops.ResourceApplyAdam(
                var=variable.handle,
                m=self._momentums[index].value.handle,
                v=self._velocities[index].value.handle,
                beta1_power=tf.pow(self.beta_1, step),
                beta2_power=tf.pow(self.beta_2, step),
                lr=tf.cast(learning_rate, variable.dtype),
                beta1=self.beta_1,
                beta2=self.beta_2,
                epsilon=self.epsilon,
                grad=tf.cast(gradient, variable.dtype),
            )
            return
        once = summed(gradient)
        rows, change = once.indices, once.values
        index = self._get_variable_index(variable)
        first, second = self._momentums[index].value, self._velocities[index].value
        step = tf.cast(self.iterations + 1, change.dtype)
        correction = tf.sqrt(1 - tf.pow(self.beta_2, step)) / (1 - tf.pow(self.beta_1, step))
        mean, square = tf.gather(first, rows), tf.gather(second, rows)
        mean += (change - mean) * (1 - self.beta_1)
        square += (tf.square(change) - square) * (1 - self.beta_2)
        change = tf.cast(learning_rate, change.dtype) * correction * mean / (tf.sqrt(square) + self.epsilon)
        if self._decay:
            change += tf.gather(variable, rows) * (1 - kept)
        first.scatter_update(tf.IndexedSlices(mean, rows))
        second.scatter_update(tf.IndexedSlices(square, rows))
        variable.scatter_sub(tf.IndexedSlices(change, rows))


class RMSprop(keras.optimizers.RMSprop):
    """Keras' own, for tables too: a row that a batch used several times has one gradient, their sum.

    Keras squares the gradients of a row's occurrences one by one.
    """

    def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
        """Update a variable."""
        super().update_step(tf.convert_to_tensor(gradient), variable, learning_rate)


def optimizer_for(name: str, rate: Any, decay: float, *, lazy: bool) -> keras.optimizers.Optimizer:
    """Make an optimizer.

    Args:
        name: `adam`, or `rmsprop` (Tieleman, Hinton 2012).
        rate: A number or a schedule.
        decay: Adam's; see `RowSparseAdam`.
        lazy: As for `RowSparseAdam`.
    """
    return RMSprop(rate) if name == "rmsprop" else RowSparseAdam(rate, decay, lazy=lazy)


class LearningRate(keras.optimizers.schedules.LearningRateSchedule):
    """A learning rate that rises linearly, then stays or falls to 0 with the last step.

    Args:
        peak: The highest.
        shape: How it goes on after the rise: `constant`; `linear` or `cosine`, to 0; `inverse_sqrt`: as one over the
            root of the step, the last of the rise with the full rate.
        warmup: Steps of the rise.
        steps: Of the whole training.
    """

    def __init__(self, peak: float, shape: str, warmup: int, steps: int) -> None:
        self.peak, self.shape, self.warmup, self.steps = peak, shape, warmup, steps

    def __call__(self, step: Any) -> Any:
        """Return the rate of a step, counted from 0."""
        done = tf.cast(step, tf.float32)
        rise = tf.minimum(1.0, (done + 1) / max(1, self.warmup))
        left = 1 - tf.clip_by_value((done - self.warmup) / max(1, self.steps - self.warmup), 0.0, 1.0)
        if self.shape == "cosine":
            left = (1 - tf.cos(np.pi * left)) / 2
        elif self.shape == "inverse_sqrt":
            left = tf.math.rsqrt(tf.maximum(1.0, (done + 1) / max(1, self.warmup)))
        return self.peak * rise * (1.0 if self.shape == "constant" else left)

    def get_config(self) -> dict[str, Any]:
        """Return what `from_config` needs."""
        return {"peak": self.peak, "shape": self.shape, "warmup": self.warmup, "steps": self.steps}
