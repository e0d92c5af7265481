"""Registry of the character models."""

from collections.abc import Callable
from typing import Any

import keras

from pipeline.families.text.models.char_rnn import char_rnn
from pipeline.families.text.models.char_window import char_window
from pipeline.families.text.settings import CharRnn, CharWindow

NETWORKS: dict[str, Callable[..., keras.Model]] = {"char_window": char_window, "char_rnn": char_rnn}


def language_model(characters: int, settings: CharRnn | CharWindow, *, precision: str) -> keras.Model:
    """Build a network that predicts the next character.

    Args:
        characters: Size of the alphabet.
        settings: The `model` section.
        precision: `float32` or `bfloat16`; precision of the matrix products.
    """
    build: Callable[..., Any] = NETWORKS[settings.name]
    model: keras.Model = build(characters, settings, precision=precision)
    return model
