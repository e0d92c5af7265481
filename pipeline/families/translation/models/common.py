"""Inputs, outputs and inference networks that all translation networks share."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import keras
from keras import ops

from pipeline.families.translation.data.tokens import PADDING

Tensor = Any
TOKEN, LOGITS, WEIGHTS = "token", "logits", "attention"
"""Names of the decoder step's input, and of its outputs other than the state."""


@dataclass(frozen=True)
class Sizes:
    """Sizes of a network that the corpus determines.

    Attributes:
        source: Size of the source vocabulary, including the special tokens.
        target: Size of the target vocabulary, including the special tokens.
        source_length: Fixed length of source sentences; None if each batch is as long as its longest sentence.
        target_length: Fixed length of target sentences without the end; None as for `source_length`.
        longest: Number of positions of networks with position embeddings.
    """

    source: int
    target: int
    source_length: int | None
    target_length: int | None
    longest: int


@dataclass(frozen=True)
class Inference:
    """The two networks used for inference, which share the layers of the trained network.

    Attributes:
        encoder: Maps `source`, shape (batch, positions), to the state before the first word, by name.
        decoder: Maps `token`, shape (batch, steps), one or more consecutive words, and the state to `logits`, shape
            (batch, steps, words), the changed parts of the state, and `attention`, shape (batch, steps, positions), if
            the network has attention.
    """

    encoder: keras.Model
    decoder: keras.Model


@keras.saving.register_keras_serializable(package="onehot")
class NotPadding(keras.layers.Layer):
    """Mask of the positions that hold a word, not padding; input and output have shape (batch, positions)."""

    def call(self, words: Tensor) -> Tensor:
        """Return the mask."""
        return ops.not_equal(words, PADDING)

    def compute_output_spec(self, words: Tensor) -> Tensor:
        """Return the shape and type of the output."""
        return keras.KerasTensor(words.shape, "bool")


def sentences(sizes: Sizes) -> tuple[Tensor, Tensor]:
    """Return the inputs of training: source sentences, and target sentences beginning with the start token."""
    source = keras.Input((sizes.source_length,), dtype="int32", name="source")
    return source, keras.Input((sizes.target_length,), dtype="int32", name="target")


def token(steps: int | None = None) -> Tensor:
    """Return the decoder's input for inference: the words predicted since the state."""
    return keras.Input((steps,), dtype="int32", name=TOKEN)


def state_inputs(state: Mapping[str, Tensor], *, grows: bool = True) -> dict[str, Tensor]:
    """Return inputs of the decoder step, one per part of the state; if `grows`, `past…` parts grow along axis 1."""
    return {
        name: keras.Input(
            [None if grows and name.startswith("past") and axis == 1 else n for axis, n in enumerate(t.shape)][1:],
            dtype=t.dtype,
            name=name,
        )
        for name, t in state.items()
    }
