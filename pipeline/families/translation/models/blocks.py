"""Layers of a Transformer: positions, multi-head attention, encoder and decoder blocks.

Source: Vaswani et al.: Attention Is All You Need (2017); normalisation before each part as in Xiong et al.: On Layer
Normalization in the Transformer Architecture (2020).
"""

import math
from typing import Any

import keras
import numpy as np
from keras import ops

from pipeline.families.translation.models.attention_layers import FAR

Tensor = Any


@keras.saving.register_keras_serializable(package="onehot")
class Positions(keras.layers.Layer):
    """Position embeddings, added to the embeddings after these are scaled by √width.

    Inputs: embeddings, shape (batch, steps, width); number of earlier steps, shape (batch,). Output: shape (batch,
    steps, width).

    Args:
        kind: `sinusoidal` or `learned`.
        longest: Number of positions; the last one stands for all later ones as well.
    """

    def __init__(self, kind: str, longest: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.kind, self.longest = kind, longest

    def build(self, embedded_shape: Any, before_shape: Any) -> None:
        """Create the table of positions."""
        width = embedded_shape[-1]
        if self.kind == "learned":
            self.table = self.add_weight(shape=(self.longest, width), name="table", initializer="random_normal")
        else:
            place = np.arange(self.longest)[:, None] * np.exp(-math.log(1e4) * np.arange(0, width, 2) / width)
            self.fixed = np.stack([np.sin(place), np.cos(place)], axis=2).reshape(self.longest, -1)[:, :width]
        self.built = True

    def call(self, embedded: Tensor, before: Tensor) -> Tensor:
        """Return the scaled embeddings with positions added."""
        steps = ops.arange(ops.shape(embedded)[1])[None] + before[:, None]
        table = self.table if self.kind == "learned" else ops.convert_to_tensor(self.fixed, self.compute_dtype)
        place = ops.take(table, ops.minimum(steps, self.longest - 1), axis=0)
        return embedded * math.sqrt(embedded.shape[-1]) + ops.cast(place, embedded.dtype)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments for `from_config`."""
        return {**super().get_config(), "kind": self.kind, "longest": self.longest}


class _Part(keras.layers.Layer):
    """Base of the encoder and decoder blocks: multi-head attention, and functions that create sublayers."""

    def __init__(self, width: int, heads: int, hidden_units: int, dropout: float, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.width, self.heads, self.hidden_units, self.dropout = width, heads, hidden_units, dropout
        self._drop = keras.layers.Dropout(dropout, dtype=self.dtype_policy)

    def _dense(self, name: str, units: int, width: int, activation: str | None = None) -> keras.layers.Dense:
        layer = keras.layers.Dense(units, activation, name=name, dtype=self.dtype_policy)
        layer.build((None, None, width))
        return layer

    def _norm(self, name: str) -> keras.layers.LayerNormalization:
        layer = keras.layers.LayerNormalization(epsilon=1e-6, name=name, dtype=self.dtype_policy)
        layer.build((None, None, self.width))
        return layer

    def _split(self, values: Tensor) -> Tensor:
        shape = ops.shape(values)
        values = ops.reshape(values, (shape[0], shape[1], self.heads, self.width // self.heads))
        return ops.transpose(values, (0, 2, 1, 3))

    def _attend(
        self, query: Tensor, keys: Tensor, values: Tensor, bias: Tensor, training: Any
    ) -> tuple[Tensor, Tensor]:
        """Return the attended values and the weights; `bias` is added to scores (batch, heads, steps, positions)."""
        query = self._split(query) / math.sqrt(self.width // self.heads)
        scores = ops.cast(ops.matmul(query, ops.transpose(self._split(keys), (0, 1, 3, 2))), "float32") + bias
        weights = ops.softmax(scores)
        kept = self._drop(ops.cast(weights, values.dtype), training=training)
        seen = ops.transpose(ops.matmul(kept, self._split(values)), (0, 2, 1, 3))
        shape = ops.shape(seen)
        return ops.reshape(seen, (shape[0], shape[1], self.width)), weights

    def get_config(self) -> dict[str, Any]:
        """Return the arguments for `from_config`."""
        own = {"width": self.width, "heads": self.heads, "hidden_units": self.hidden_units, "dropout": self.dropout}
        return {**super().get_config(), **own}


@keras.saving.register_keras_serializable(package="onehot")
class EncoderBlock(_Part):
    """Self-attention and two dense layers, each with normalisation before it and its input added after it.

    Inputs: values, shape (batch, steps, width); mask of the steps that are not padding, shape (batch, steps). Output:
    shape (batch, steps, width).
    """

    def build(self, values_shape: Any, kept_shape: Any) -> None:
        """Create the sublayers."""
        width = self.width
        self.first_norm, self.second_norm = self._norm("attention_norm"), self._norm("dense_norm")
        self.qkv, self.out = self._dense("query_key_value", 3 * width, width), self._dense("output", width, width)
        self.wide = self._dense("wide", self.hidden_units, width, "relu")
        self.narrow = self._dense("narrow", width, self.hidden_units)
        self.built = True

    def call(self, values: Tensor, kept: Tensor, training: bool | None = None) -> Tensor:
        """Return the values after self-attention and dense layers."""
        query, keys, held = ops.split(self.qkv(self.first_norm(values)), 3, axis=-1)
        bias = (1 - ops.cast(kept, "float32"))[:, None, None] * FAR
        seen, _ = self._attend(query, keys, held, bias, training)
        values = values + self._drop(self.out(seen), training=training)
        thought = self.narrow(self._drop(self.wide(self.second_norm(values)), training=training))
        return values + self._drop(thought, training=training)


@keras.saving.register_keras_serializable(package="onehot")
class DecoderBlock(_Part):
    """Self-attention over the steps so far, attention over the memory, and two dense layers.

    Inputs: values, shape (batch, steps, width); keys and values of the memory, shape (batch, positions, 2 · width);
    mask of the memory positions that are not padding; keys and values of earlier steps, shape (batch, earlier, 2 ·
    width), with `earlier` 0 in training; number of earlier steps, shape (batch,), only if `earlier` is a fixed length,
    of which these steps are the last. Outputs: values, shape (batch, steps, width); weights over the memory, averaged
    over the heads, shape (batch, steps, positions); keys and values of all steps so far.
    """

    def build(self, values_shape: Any, memory_shape: Any, kept_shape: Any, past_shape: Any) -> None:
        """Create the sublayers."""
        width = self.width
        self.norms = [self._norm(f"{name}_norm") for name in ("self", "memory", "dense")]
        self.qkv, self.out = self._dense("query_key_value", 3 * width, width), self._dense("self_output", width, width)
        self.query, self.seen = self._dense("query", width, width), self._dense("memory_output", width, width)
        self.wide = self._dense("wide", self.hidden_units, width, "relu")
        self.narrow = self._dense("narrow", width, self.hidden_units)
        self.built = True

    def call(
        self,
        values: Tensor,
        memory: Tensor,
        kept: Tensor,
        past: Tensor,
        before: Tensor = None,
        training: bool | None = None,
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Return the values after both attentions and dense layers, the memory weights, and all keys and values."""
        query, now = ops.split(self.qkv(self.norms[0](values)), [self.width], axis=-1)
        past = ops.concatenate([ops.cast(past, now.dtype), now], axis=1)
        keys, held = ops.split(past, 2, axis=-1)
        steps, positions = ops.shape(values)[1], ops.shape(past)[1]
        # The last position is the last step.
        ahead = ops.arange(positions)[None] > ops.arange(steps)[:, None] + (positions - steps)
        if before is not None:
            unused = ops.arange(positions)[None] < positions - steps - before[:, None]
            ahead = ops.logical_or(ahead[None, None], unused[:, None, None])
        own, _ = self._attend(query, keys, held, ops.cast(ahead, "float32") * FAR, training)
        values = values + self._drop(self.out(own), training=training)
        keys, held = ops.split(memory, 2, axis=-1)
        bias = (1 - ops.cast(kept, "float32"))[:, None, None] * FAR
        seen, weights = self._attend(self.query(self.norms[1](values)), keys, held, bias, training)
        values = values + self._drop(self.seen(seen), training=training)
        thought = self.narrow(self._drop(self.wide(self.norms[2](values)), training=training))
        return values + self._drop(thought, training=training), ops.mean(weights, axis=1), past
