"""Adam that touches only the rows of a table which a batch used."""

from typing import Any

import keras
import tensorflow as tf


class RowSparseAdam(keras.optimizers.Adam):
    """Keras' Adam, where the gradient of a table comes as rows: moments and weights of other rows stay as they are.

    A row that occurs in every batch moves exactly as under Adam. One that does not rests, where Adam would go on moving
    it by its old moments ("lazy Adam"). Keras' own optimizer works through the whole table at each step, and squares
    the gradients of a row's occurrences one by one, not their sum.
    """

    def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
        """Update a variable and its moments."""
        if not isinstance(gradient, tf.IndexedSlices):
            super().update_step(gradient, variable, learning_rate)
            return
        rows, place = tf.unique(gradient.indices)
        summed = tf.math.unsorted_segment_sum(gradient.values, place, tf.size(rows))
        index = self._get_variable_index(variable)
        first, second = self._momentums[index].value, self._velocities[index].value
        step = tf.cast(self.iterations + 1, summed.dtype)
        correction = tf.sqrt(1 - tf.pow(self.beta_2, step)) / (1 - tf.pow(self.beta_1, step))
        mean, square = tf.gather(first, rows), tf.gather(second, rows)
        mean += (summed - mean) * (1 - self.beta_1)
        square += (tf.square(summed) - square) * (1 - self.beta_2)
        change = tf.cast(learning_rate, summed.dtype) * correction * mean / (tf.sqrt(square) + self.epsilon)
        first.scatter_update(tf.IndexedSlices(mean, rows))
        second.scatter_update(tf.IndexedSlices(square, rows))
        variable.scatter_sub(tf.IndexedSlices(change, rows))
