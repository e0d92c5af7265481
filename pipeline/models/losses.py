"""Cross-entropy of tokens, with label smoothing."""

from collections.abc import Callable
from typing import Any

import tensorflow as tf
from keras import ops

Tensor = Any


def token_loss(label_smoothing: float, padding: int | None = None) -> Callable[[Tensor, Tensor], Tensor]:
    """Return the loss of a batch: mean cross-entropy per token, shape (), in float32 whatever the logits are in.

    Source of the smoothing: Szegedy et al.: Rethinking the Inception Architecture for Computer Vision (2016).

    Args:
        label_smoothing: Share of each target that is spread over the whole vocabulary.
        padding: Token that does not count; None if every token counts.

    Returns:
        Targets, shape (batch, steps) or (batch,), and logits, shape (..., vocabulary) → loss.
    """

    def loss(target: Tensor, logits: Tensor) -> Tensor:
        logits = ops.cast(logits, "float32")
        if label_smoothing:
            words = _smoothed(target, logits, label_smoothing)
        else:
            words = tf.nn.sparse_softmax_cross_entropy_with_logits(target, logits)
        if padding is None:
            return ops.mean(words)
        kept = ops.cast(ops.not_equal(target, padding), "float32")
        return ops.sum(words * kept) / ops.sum(kept)

    return loss


def _smoothed(target: Tensor, logits: Tensor, share: float) -> Tensor:
    """Return the cross-entropy of each token for targets with a share spread over the whole vocabulary.

    The gradient is that of the plain cross-entropy plus an offset: `softmax - (1 - share) · one-hot - share / words`.
    Automatic differentiation would read the logits, the largest array of a step, three times as often.
    """

    @tf.custom_gradient  # type: ignore[untyped-decorator]
    def run(logits: Tensor) -> Any:
        count = logits.shape[-1]
        flat, wanted = tf.reshape(logits, [-1, count]), tf.reshape(target, [-1])
        plain, back = tf.raw_ops.SparseSoftmaxCrossEntropyWithLogits(features=flat, labels=wanted)
        places = tf.stack([tf.range(tf.size(wanted), dtype=wanted.dtype), wanted], axis=1)
        # The mean log-softmax over the vocabulary is the mean logit minus the logsumexp, which `plain` contains.
        words = plain + share * (tf.gather_nd(flat, places) - tf.reduce_mean(flat, axis=1))

        def gradient(outer: Tensor) -> Tensor:
            outer = tf.reshape(outer, [-1])
            moved = tf.tensor_scatter_nd_add(back - share / count, places, tf.fill(tf.shape(wanted), share))
            return tf.reshape(moved * outer[:, None], tf.shape(logits))

        return tf.reshape(words, tf.shape(target)), gradient

    return run(logits)
