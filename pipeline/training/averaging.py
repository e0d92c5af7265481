"""An exponential moving average of the weights, which training validates and keeps."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import tensorflow as tf


class WeightAverage:
    """Moving averages of variables, updated within the graph of the training steps.

    Args:
        variables: The trainable variables of a network.
        decay: The share of the average that is kept at each step. Early steps use at most (1 + step) / (10 + step), so
            that the initial weights are soon forgotten. 0 turns averaging off.
    """

    def __init__(self, variables: Sequence[Any], decay: float) -> None:
        self._decay = decay
        self._followed = [variable.value for variable in variables] if decay else []
        self.variables = [tf.Variable(variable, trainable=False) for variable in self._followed]

    def update(self, step: Any) -> None:
        """Update the averages, including the rows of tables that did not change.

        Args:
            step: The number of the step, from 1.
        """
        if self._decay:
            done = tf.cast(step, tf.float32)
            moves = 1 - tf.minimum(self._decay, (1 + done) / (10 + done))
            for average, variable in zip(self.variables, self._followed, strict=True):
                average.assign_sub(moves * (average - variable))

    @contextmanager
    def in_place(self) -> Iterator[None]:
        """Replace the weights by their averages while the block runs."""
        own = [variable.numpy() for variable in self._followed]
        for average, variable in zip(self.variables, self._followed, strict=True):
            variable.assign(average)
        try:
            yield
        finally:
            for variable, value in zip(self._followed, own, strict=True):
                variable.assign(value)
