"""Decoder of Keras networks for `search.py`: one graph call per step; the state stays in backend tensors."""

from typing import Any

import numpy as np
import tensorflow as tf

from pipeline.families.translation.data.tokens import NEVER
from pipeline.families.translation.models.common import LOGITS, TOKEN, WEIGHTS, Inference

"""Tokens that are never predicted."""
State = dict[str, tf.Tensor]


class KerasDecoder:
    """A `Decoder` that runs the encoder and decoder networks of an `Inference`.

    Args:
        inference: The two networks; they share the weights of the trained network and follow its training.
    """

    def __init__(self, inference: Inference) -> None:
        self._encoder, self._decoder = inference.encoder, inference.decoder
        self._changing = set(inference.decoder.output) - {LOGITS, WEIGHTS}
        shape = self._encoder.inputs[0].shape
        self._width = shape[1]
        states = {
            tensor.name: tf.TensorSpec(tensor.shape, tensor.dtype)
            for tensor in self._decoder.inputs
            if tensor.name != TOKEN
        }
        self._start = tf.function(
            lambda source: self._encoder({"source": source}, training=False),
            input_signature=[tf.TensorSpec([None, self._width], tf.int32)],
            autograph=False,
        )
        self._step = tf.function(
            self._one,
            input_signature=[states, tf.TensorSpec([None, None], tf.int32), tf.TensorSpec([], tf.int32)],
            autograph=False,
        )

    def start(self, source: Any) -> State:
        """Encode sentences, shape (rows, positions); see `Decoder.start`."""
        state: State = self._start(tf.constant(source, tf.int32))
        return state

    def step(self, state: State, words: Any, count: int) -> tuple[Any, Any, State, Any]:
        """Predict the next word of each row; see `Decoder.step`."""
        scores, numbers, after, weights = self._step(state, tf.constant(words, tf.int32)[:, None], tf.constant(count))
        attention = weights.numpy() if weights.shape[-1] != 0 else None
        return scores.numpy(), numbers.numpy(), {**state, **after}, attention

    def take(self, state: State, rows: Any, same_sentences: bool) -> State:
        """Return the state of selected rows; see `Decoder.take`."""
        indices = tf.constant(rows, tf.int32)
        return {
            name: tensor if same_sentences and name not in self._changing else tf.gather(tensor, indices)
            for name, tensor in state.items()
        }

    def _one(self, state: State, words: tf.Tensor, count: tf.Tensor) -> Any:
        outputs = dict(self._decoder({TOKEN: words, **state}, training=False))
        logits = tf.cast(outputs.pop(LOGITS)[:, -1], tf.float32)
        banned = np.zeros(logits.shape[-1], np.float32)
        banned[NEVER] = -np.inf
        total = tf.reduce_logsumexp(logits, axis=-1, keepdims=True)
        weights = outputs.pop(WEIGHTS)[:, -1] if WEIGHTS in outputs else tf.zeros([1, 0])
        scores, numbers = _highest(logits + banned, tf.minimum(count, logits.shape[-1]))
        return scores - total, numbers, outputs, weights


def _highest(values: tf.Tensor, count: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Return the highest values of each row and their indices; several times as fast as `top_k` for long rows.

    Rows are divided into blocks: the `count` highest values are all in the `count` blocks with the highest maxima.
    """
    width = values.shape[-1]
    block = int(width**0.5)
    blocks = -(-width // block)
    padded = tf.pad(values, [[0, 0], [0, blocks * block - width]], constant_values=-np.inf)
    blocked = tf.reshape(padded, [-1, blocks, block])
    _, chosen = tf.math.top_k(tf.reduce_max(blocked, axis=2), tf.minimum(count, blocks))
    # Blocks in order of position, so that the first of equal values wins, as with `top_k`.
    chosen = tf.sort(chosen, axis=1)
    remaining = tf.gather(blocked, chosen, batch_dims=1)
    highest, indices = tf.math.top_k(tf.reshape(remaining, [tf.shape(values)[0], -1]), count)
    return highest, tf.gather(chosen, indices // block, batch_dims=1) * block + indices % block
