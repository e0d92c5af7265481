"""Embedding, a bidirectional LSTM, and a softmax over the tags of each word."""

from typing import Any

import keras
from keras import ops
from pipeline.families.tagging.settings import Tagger


def tagger(words: int, tags: int, length: int, settings: Tagger) -> keras.Model:
    """Build the network: `words`, shape (batch, length) → logits, shape (batch, length, tags + 1)."""
    inputs = keras.Input((length,), dtype="int32", name="words")
    values = keras.layers.Embedding(words + 1, settings.embedding_dim, name="embedding")(inputs)
    lstm = keras.layers.LSTM(settings.hidden_units, return_sequences=True)
    values = keras.layers.Bidirectional(lstm, name="both_ways")(values)
    return keras.Model({"words": inputs}, keras.layers.Dense(tags + 1, name="logits")(values), name="tagger")


def tag_loss(target: Any, logits: Any) -> Any:
    """Return the mean cross-entropy per word, shape ()."""
    target = ops.cast(target, "int32")
    losses = ops.sparse_categorical_crossentropy(target, logits, from_logits=True)
    kept = ops.cast(target > 0, "float32")
    return ops.sum(losses * kept) / ops.maximum(ops.sum(kept), 1.0)
