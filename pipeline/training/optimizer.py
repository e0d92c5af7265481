"""Adam with row-sparse updates of embedding tables, learning-rate schedules and decoupled weight decay."""

from typing import Any

import keras
import numpy as np
import tensorflow as tf

DECAYED = ("kernel", "recurrent_kernel", "query_kernel", "embeddings", "reverse_embeddings", "table")
"""Names of weights that are decayed: matrices by meaning, not just by shape."""


def summed(gradient: tf.IndexedSlices) -> tf.IndexedSlices:
    """Return the gradient with unique rows; the gradients of repeated rows are summed."""
    rows, place = tf.unique(gradient.indices)
    values = tf.math.unsorted_segment_sum(gradient.values, place, tf.size(rows))
    return tf.IndexedSlices(values, rows, gradient.dense_shape)


class RowSparseAdam(keras.optimizers.Adam):
    """Keras' Adam with sparse row gradients: moments and weights of rows that a batch did not use stay unchanged.

    A row that occurs in every batch moves exactly as under Adam. Any other row is left alone, where Adam would keep
    moving it by its old moments ("lazy Adam"). Keras' own optimizer updates the whole table at each step, and squares
    the gradients of the occurrences of a row one by one, not their sum.

    Args:
        learning_rate: The learning rate, a number or a schedule.
        decay: The decoupled weight decay (Loshchilov, Hutter: Decoupled Weight Decay Regularization, 2019) of matrices
            and tables; in sparse updates, of the rows that a batch used. Biases, scales and frequencies have none.
        lazy: Whether rows that a batch did not use are left alone. Otherwise they keep moving as under Adam, and rare
            words learn several times as fast: one gradient moves its row for some dozen steps instead of one.
    """

    def __init__(self, learning_rate: Any, decay: float = 0.0, *, lazy: bool = False) -> None:
        super().__init__(learning_rate)
        self._lazy = lazy
        # Not Keras' own weight_decay, which updates whole tables.
        self._decay = decay

    def build(self, variables: Any) -> None:
        """Create the moments, and record which variables are decayed."""
        super().build(variables)
        self._is_kernel = [variable.name in DECAYED for variable in variables]

    def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
        """Update one variable and its moments."""
        kept = 1 - self._decay * tf.cast(learning_rate, variable.dtype)
        if not self._lazy:
            gradient = tf.convert_to_tensor(gradient)
        if not isinstance(gradient, tf.IndexedSlices):
            index = self._get_variable_index(variable)
            if self._decay and self._is_kernel[index]:
                variable.assign(variable * kept)
            # One pass over memory; Keras' Adam, with the same formula, takes several.
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
        unique = summed(gradient)
        rows, change = unique.indices, unique.values
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
    """Keras' RMSprop, with the gradients of a row that a batch used several times summed first.

    Keras itself squares the gradients of the occurrences of a row one by one.
    """

    def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
        """Update one variable."""
        super().update_step(tf.convert_to_tensor(gradient), variable, learning_rate)


def optimizer_for(name: str, rate: Any, decay: float, *, lazy: bool) -> keras.optimizers.Optimizer:
    """Return an optimizer.

    Args:
        name: The name, `adam` or `rmsprop` (Tieleman, Hinton 2012).
        rate: The learning rate, a number or a schedule.
        decay: The weight decay of Adam; see `RowSparseAdam`.
        lazy: Whether rows that a batch did not use are left alone; see `RowSparseAdam`.
    """
    return RMSprop(rate) if name == "rmsprop" else RowSparseAdam(rate, decay, lazy=lazy)


class LearningRate(keras.optimizers.schedules.LearningRateSchedule):
    """A learning rate with linear warmup, followed by a constant rate or a decay.

    Args:
        peak: The highest learning rate.
        shape: The shape after the warmup: `constant`; `linear` or `cosine`, both down to 0; or `inverse_sqrt`, one over
            the square root of the step, with the full rate at the last step of the warmup.
        warmup: The number of warmup steps.
        steps: The number of steps of the whole training.
    """

    def __init__(self, peak: float, shape: str, warmup: int, steps: int) -> None:
        self.peak, self.shape, self.warmup, self.steps = peak, shape, warmup, steps

    def __call__(self, step: Any) -> Any:
        """Return the learning rate of a step, counted from 0."""
        done = tf.cast(step, tf.float32)
        rise = tf.minimum(1.0, (done + 1) / max(1, self.warmup))
        left = 1 - tf.clip_by_value((done - self.warmup) / max(1, self.steps - self.warmup), 0.0, 1.0)
        if self.shape == "cosine":
            left = (1 - tf.cos(np.pi * left)) / 2
        elif self.shape == "inverse_sqrt":
            left = tf.math.rsqrt(tf.maximum(1.0, (done + 1) / max(1, self.warmup)))
        return self.peak * rise * (1.0 if self.shape == "constant" else left)

    def get_config(self) -> dict[str, Any]:
        """Return the configuration for `from_config`."""
        return {"peak": self.peak, "shape": self.shape, "warmup": self.warmup, "steps": self.steps}
