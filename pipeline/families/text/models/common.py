"""Input and output names, state and loss that all character models share."""

from typing import Any

import keras

from pipeline.models.losses import token_loss

TEXT, LOGITS = "text", "logits"


def state_widths(model: keras.Model) -> dict[str, int]:
    """Return the width of each part of a network's state, by name; empty if it has no state."""
    return {tensor.name: tensor.shape[-1] for tensor in model.inputs if tensor.name != TEXT}


def one_at_a_time(model: keras.Model) -> keras.Model:
    """Return a network that takes one character at a time and shares the weights of a stateful network."""
    inputs = {
        t.name: keras.Input((1,) if t.name == TEXT else t.shape[1:], dtype=t.dtype, name=t.name) for t in model.inputs
    }
    return keras.Model(inputs, model(inputs), name=model.name)


def character_loss(label_smoothing: float) -> Any:
    """Return the loss function: cross-entropy per character in nats, computed in float32 for logits of any type.

    Args:
        label_smoothing: Share of each target's probability that is spread over all characters.
    """
    loss = token_loss(label_smoothing)
    return lambda target, output: loss(target, output[LOGITS])
