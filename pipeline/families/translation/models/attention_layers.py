"""Attention: where a decoder looks while it writes."""

from typing import Any

import keras
import tensorflow as tf
from keras import ops

Tensor = Any
FAR = -1e9
"""Score of what must not be looked at."""


def look(scores: Tensor, memory: Tensor, kept: Tensor) -> tuple[Tensor, Tensor]:
    """Return the weighted memory `(batch, steps, width)` and the weights `(batch, steps, positions)`, in float32.

    Args:
        scores: How well each position fits each query, `(batch, steps, positions)`.
        memory: `(batch, positions, width)`.
        kept: Positions that count, `(batch, positions)`.
    """
    scores = ops.cast(scores, "float32") + (1 - ops.cast(kept, "float32"))[:, None] * FAR
    weights = ops.softmax(scores)
    return ops.matmul(ops.cast(weights, memory.dtype), memory), weights


@keras.saving.register_keras_serializable(package="onehot")
class Attention(keras.layers.Layer):
    """Weighs memory by query · W · memory (Luong, Pham, Manning 2015, "general").

    Input: queries `(batch, steps, width)`, memory `(batch, positions, width of memory)`, which positions count
    `(batch, positions)`. Output: the weighted memory `(batch, steps, width of memory)` and the weights
    `(batch, steps, positions)`.
    """

    def build(self, query_shape: Any, memory_shape: Any, kept_shape: Any = None) -> None:
        """Make the weights."""
        self.kernel = self.add_weight(shape=(query_shape[-1], memory_shape[-1]), name="kernel")
        self.built = True

    def call(self, query: Tensor, memory: Tensor, kept: Tensor) -> tuple[Tensor, Tensor]:
        """Look."""
        # The query is multiplied, not the memory: in a search the memory stays, and is as long as the sentence.
        scores = ops.matmul(ops.matmul(query, self.kernel), ops.transpose(memory, [0, 2, 1]))
        return look(scores, memory, kept)


@keras.saving.register_keras_serializable(package="onehot")
class AttendingLSTM(keras.layers.Layer):
    """An LSTM that looks at the memory before each step: what it sees enters the step beside the input.

    The recurrence of Bahdanau, Cho, Bengio (2015), with an LSTM cell in place of their GRU: memory is weighed by
    v · tanh(W state + key).

    Input: `(batch, steps, features)`, keys `(batch, positions, units)` and memory `(batch, positions, width)`, which
    positions count, first output and cell state. Output: outputs beside what was seen
    `(batch, steps, units + width)`, the weights `(batch, steps, positions)`, last output, last cell state.

    Args:
        units: Of the LSTM.
    """

    def __init__(self, units: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.units = units
        self.cell = keras.layers.LSTMCell(units, name="cell", dtype=self.dtype_policy)

    def build(
        self, inputs_shape: Any, keys_shape: Any, memory_shape: Any, kept_shape: Any, h_shape: Any, c_shape: Any
    ) -> None:
        """Make the weights."""
        self.query_kernel = self.add_weight(shape=(self.units, keys_shape[-1]), name="query_kernel")
        self.direction = self.add_weight(shape=(keys_shape[-1],), name="direction", initializer="random_normal")
        self.cell.build((None, inputs_shape[-1] + memory_shape[-1]))
        self.built = True

    def call(self, inputs: Tensor, keys: Tensor, memory: Tensor, kept: Tensor, h: Tensor, c: Tensor) -> Any:
        """Look, step, look, step."""
        dtype, width = self.compute_dtype, inputs.shape[-1]
        # The input's part of the product for all steps at once.
        seen_kernel, own = self.cell.kernel[width:], ops.matmul(inputs, self.cell.kernel[:width]) + self.cell.bias

        def step(state: Any, projected: Tensor) -> Any:
            h, c, *_ = state
            fits = ops.tanh(ops.matmul(h, self.query_kernel)[:, None] + keys) * self.direction
            seen, weights = look(ops.sum(fits, axis=-1)[:, None], memory, kept)
            z = projected + ops.matmul(seen[:, 0], seen_kernel) + ops.matmul(h, self.cell.recurrent_kernel)
            # Gates and cell state are float32 also where products are shorter.
            i, f, g, o = ops.split(ops.cast(z, "float32"), 4, axis=1)
            c = ops.sigmoid(f) * c + ops.sigmoid(i) * ops.tanh(g)
            return ops.cast(ops.sigmoid(o) * ops.tanh(c), dtype), c, seen[:, 0], weights[:, 0]

        nothing = ops.zeros_like(memory[:, 0], dtype), ops.zeros_like(kept, "float32")
        start = (ops.cast(h, dtype), ops.cast(c, "float32"), *nothing)
        hs, cs, seen, weights = tf.scan(step, ops.transpose(own, [1, 0, 2]), start)
        outputs = ops.concatenate([hs, seen], axis=-1)
        return ops.transpose(outputs, [1, 0, 2]), ops.transpose(weights, [1, 0, 2]), hs[-1], ops.cast(cs[-1], dtype)

    def get_config(self) -> dict[str, Any]:
        """Return what `from_config` needs."""
        return {**super().get_config(), "units": self.units}
