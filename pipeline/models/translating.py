"""What networks that translate have in common: input, output, loss, and the two networks of inference."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import keras
import tensorflow as tf
from keras import ops

from pipeline.portable.search import PADDING

Tensor = Any
TOKEN, LOGITS, WEIGHTS = "token", "logits", "attention"
"""Input of the decoder's step; what it puts out besides its state."""


@dataclass(frozen=True)
class Sizes:
    """What the corpus says about the network.

    Attributes:
        source: Words of the source vocabulary, those with a meaning of their own included.
        target: Likewise of the target.
        source_length: Of all sentences; None where a batch is as long as its longest sentence.
        target_length: Likewise, without the end.
        longest: Positions that a network which counts them should know.
    """

    source: int
    target: int
    source_length: int | None
    target_length: int | None
    longest: int


@dataclass(frozen=True)
class Inference:
    """The two networks that translate, of the layers of the one that was trained.

    Attributes:
        encoder: `source (batch, positions)` → the state before the first word, by name.
        decoder: `token (batch, steps)`, one or several in a row, and the state → `logits (batch, steps, words)`, the
            parts of the state that changed, and `attention (batch, steps, positions)` where there is one.
    """

    encoder: keras.Model
    decoder: keras.Model


@keras.saving.register_keras_serializable(package="onehot")
class NotPadding(keras.layers.Layer):
    """Tells which positions of `(batch, positions)` hold a word."""

    def call(self, words: Tensor) -> Tensor:
        """Compare with 0."""
        return ops.not_equal(words, PADDING)

    def compute_output_spec(self, words: Tensor) -> Tensor:
        """Return shape and type."""
        return keras.KerasTensor(words.shape, "bool")


def sentences(sizes: Sizes) -> tuple[Tensor, Tensor]:
    """Return the inputs in training: sentences of the source, and of the target from the start on."""
    source = keras.Input((sizes.source_length,), dtype="int32", name="source")
    return source, keras.Input((sizes.target_length,), dtype="int32", name="target")


def token(steps: int | None = None) -> Tensor:
    """Return the input of the decoder in inference: the words that were written since the state."""
    return keras.Input((steps,), dtype="int32", name=TOKEN)


def state_inputs(state: Mapping[str, Tensor], *, grows: bool = True) -> dict[str, Tensor]:
    """Return inputs of the decoder's step for each part of the encoder's outcome; what is kept of the past may grow."""
    return {
        name: keras.Input(
            [None if grows and name.startswith("past") and axis == 1 else n for axis, n in enumerate(t.shape)][1:],
            dtype=t.dtype,
            name=name,
        )
        for name, t in state.items()
    }


def word_loss(label_smoothing: float, *, trimmed: bool) -> Any:
    """Return the loss of a batch: cross-entropy a word, in float32 whatever the logits are in.

    Source of the smoothing: Szegedy et al.: Rethinking the Inception Architecture for Computer Vision (2016).

    Args:
        label_smoothing: Share of each target spread over all words.
        trimmed: False: padding counts as a word does.
    """

    def loss(target: Tensor, logits: Tensor) -> Tensor:
        logits = ops.cast(logits, "float32")
        if label_smoothing:
            words = _smoothed(target, logits, label_smoothing)
        else:
            words = tf.nn.sparse_softmax_cross_entropy_with_logits(target, logits)
        if not trimmed:
            return ops.mean(words)
        kept = ops.cast(ops.not_equal(target, PADDING), "float32")
        return ops.sum(words * kept) / ops.sum(kept)

    return loss


def _smoothed(target: Tensor, logits: Tensor, share: float) -> Tensor:
    """Return the cross-entropy of each word with targets of which a share is spread over all words.

    The gradient is that of the plain cross-entropy, moved: `softmax - (1 - share) · one-hot - share / words`. Left to
    automatic differentiation the logits, the largest array of a step, would be gone through three times as often.
    """

    @tf.custom_gradient  # type: ignore[untyped-decorator]
    def run(logits: Tensor) -> Any:
        count = logits.shape[-1]
        flat, wanted = tf.reshape(logits, [-1, count]), tf.reshape(target, [-1])
        plain, back = tf.raw_ops.SparseSoftmaxCrossEntropyWithLogits(features=flat, labels=wanted)
        places = tf.stack([tf.range(tf.size(wanted), dtype=wanted.dtype), wanted], axis=1)
        # The logarithm of the softmax, averaged over all words, is their mean less logsumexp, which `plain` holds.
        words = plain + share * (tf.gather_nd(flat, places) - tf.reduce_mean(flat, axis=1))

        def gradient(outer: Tensor) -> Tensor:
            outer = tf.reshape(outer, [-1])
            moved = tf.tensor_scatter_nd_add(back - share / count, places, tf.fill(tf.shape(wanted), share))
            return tf.reshape(moved * outer[:, None], tf.shape(logits))

        return tf.reshape(words, tf.shape(target)), gradient

    return run(logits)
