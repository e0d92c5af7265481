"""Attention layers."""

from typing import Any

import keras
import tensorflow as tf
from keras import ops

Tensor = Any
FAR = -1e9
"""Score of masked positions."""


def look(scores: Tensor, memory: Tensor, kept: Tensor) -> tuple[Tensor, Tensor]:
    """Return the weighted memory, shape (batch, steps, width), and the weights in float32, (batch, steps, positions).

    Args:
        scores: Score of each position for each query, shape (batch, steps, positions).
        memory: The encoder's outputs, shape (batch, positions, width).
        kept: Mask of the positions that are not padding, shape (batch, positions).
    """
    scores = ops.cast(scores, "float32") + (1 - ops.cast(kept, "float32"))[:, None] * FAR
    weights = ops.softmax(scores)
    return ops.matmul(ops.cast(weights, memory.dtype), memory), weights


@keras.saving.register_keras_serializable(package="onehot")
class Attention(keras.layers.Layer):
    """Attention with scores query · W · memory (Luong, Pham, Manning 2015, "general").

    Inputs: queries, shape (batch, steps, query width); memory, shape (batch, positions, memory width); mask of the
    positions that are not padding, shape (batch, positions). Outputs: the weighted memory, shape (batch, steps, memory
    width), and the weights, shape (batch, steps, positions).
    """

    def build(self, query_shape: Any, memory_shape: Any, kept_shape: Any = None) -> None:
        """Create the weights."""
        self.kernel = self.add_weight(shape=(query_shape[-1], memory_shape[-1]), name="kernel")
        self.built = True

    def call(self, query: Tensor, memory: Tensor, kept: Tensor) -> tuple[Tensor, Tensor]:
        """Return the weighted memory and the weights."""
        # W multiplies the query, not the memory: in a search, the memory is constant and as long as the sentence.
        scores = ops.matmul(ops.matmul(query, self.kernel), ops.transpose(memory, [0, 2, 1]))
        return look(scores, memory, kept)


@keras.saving.register_keras_serializable(package="onehot")
class AttendingLSTM(keras.layers.Layer):
    """An LSTM with attention before each step; the step's input is concatenated with the weighted memory.

    The recurrence of Bahdanau, Cho, Bengio (2015), with an LSTM cell in place of their GRU; the scores of the memory
    are v · tanh(W state + key).

    Inputs: values, shape (batch, steps, features); keys, shape (batch, positions, units); memory, shape (batch,
    positions, width); mask of the positions that are not padding; initial output and cell state. Outputs: LSTM outputs
    concatenated with the weighted memory, shape (batch, steps, units + width); weights, shape (batch, steps,
    positions); last output; last cell state.

    Args:
        units: Number of units of the LSTM.
    """

    def __init__(self, units: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.units = units
        self.cell = keras.layers.LSTMCell(units, name="cell", dtype=self.dtype_policy)

    def build(
        self, inputs_shape: Any, keys_shape: Any, memory_shape: Any, kept_shape: Any, h_shape: Any, c_shape: Any
    ) -> None:
        """Create the weights."""
        self.query_kernel = self.add_weight(shape=(self.units, keys_shape[-1]), name="query_kernel")
        self.direction = self.add_weight(shape=(keys_shape[-1],), name="direction", initializer="random_normal")
        self.cell.build((None, inputs_shape[-1] + memory_shape[-1]))
        self.built = True

    def call(self, inputs: Tensor, keys: Tensor, memory: Tensor, kept: Tensor, h: Tensor, c: Tensor) -> Any:
        """Run attention and LSTM cell over all steps."""
        dtype, width = self.compute_dtype, inputs.shape[-1]
        # The input's part of the matrix product is computed for all steps at once.
        seen_kernel, own = self.cell.kernel[width:], ops.matmul(inputs, self.cell.kernel[:width]) + self.cell.bias

        def step(state: Any, projected: Tensor) -> Any:
            h, c, *_ = state
            fits = ops.tanh(ops.matmul(h, self.query_kernel)[:, None] + keys) * self.direction
            seen, weights = look(ops.sum(fits, axis=-1)[:, None], memory, kept)
            z = projected + ops.matmul(seen[:, 0], seen_kernel) + ops.matmul(h, self.cell.recurrent_kernel)
            # Gates and cell state are float32 even if matrix products have reduced precision.
            i, f, g, o = ops.split(ops.cast(z, "float32"), 4, axis=1)
            c = ops.sigmoid(f) * c + ops.sigmoid(i) * ops.tanh(g)
            return ops.cast(ops.sigmoid(o) * ops.tanh(c), dtype), c, seen[:, 0], weights[:, 0]

        nothing = ops.zeros_like(memory[:, 0], dtype), ops.zeros_like(kept, "float32")
        start = (ops.cast(h, dtype), ops.cast(c, "float32"), *nothing)
        hs, cs, seen, weights = tf.scan(step, ops.transpose(own, [1, 0, 2]), start)
        outputs = ops.concatenate([hs, seen], axis=-1)
        return ops.transpose(outputs, [1, 0, 2]), ops.transpose(weights, [1, 0, 2]), hs[-1], ops.cast(cs[-1], dtype)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments for `from_config`."""
        return {**super().get_config(), "units": self.units}
