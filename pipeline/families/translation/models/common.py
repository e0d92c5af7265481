"""What translation networks have in common: inputs, outputs, and the two networks of inference."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import keras
from keras import ops

from pipeline.families.translation.data.tokens import PADDING

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
