"""What networks that write have in common: the names of input and output, and the loss."""

from typing import Any

import keras

from pipeline.models.losses import token_loss

TEXT, LOGITS = "text", "logits"


def state_widths(model: keras.Model) -> dict[str, int]:
    """Return the width of each part of the state that a network goes on from, by name; nothing where it has none."""
    return {tensor.name: tensor.shape[-1] for tensor in model.inputs if tensor.name != TEXT}


def one_at_a_time(model: keras.Model) -> keras.Model:
    """Return a network that keeps a state as one that takes a single character; it shares the other's weights."""
    inputs = {
        t.name: keras.Input((1,) if t.name == TEXT else t.shape[1:], dtype=t.dtype, name=t.name) for t in model.inputs
    }
    return keras.Model(inputs, model(inputs), name=model.name)


def character_loss(label_smoothing: float) -> Any:
    """Return the loss of a batch: cross-entropy a character, in nats, in float32 whatever the logits are in.

    Args:
        label_smoothing: Share of each target spread over all characters.
    """
    loss = token_loss(label_smoothing)
    return lambda target, output: loss(target, output[LOGITS])
