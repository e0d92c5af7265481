"""The networks that write, by name."""

from typing import Any

import keras

from pipeline.models.char_rnn import CharRnnSettings, char_rnn
from pipeline.models.char_window import CharWindowSettings, char_window

_WRITERS: dict[str, tuple[Any, Any]] = {
    "char_window": (char_window, CharWindowSettings),
    "char_rnn": (char_rnn, CharRnnSettings),
}


def writer(characters: int, name: str, *, precision: str, **axes: Any) -> keras.Model:
    """Make a network that writes.

    Args:
        characters: Different ones.
        name: Of the network: a file of `conf/model`.
        precision: `float32` or `bfloat16`, of the products.
        axes: The file's other keys.
    """
    build, settings = _WRITERS[name]
    model: keras.Model = build(characters, settings(**axes), precision=precision)
    return model
