"""Character model that predicts the next character from a window: an LSTM over one-hot vectors.

It follows an early example of Keras.
"""

from typing import Any

import keras
from keras import ops

from pipeline.families.text.models.common import LOGITS, TEXT
from pipeline.families.text.settings import CharWindow
from pipeline.models.precision import MIXED
from pipeline.models.recurrent import SequenceLSTM


@keras.saving.register_keras_serializable(package="onehot")
class OneHot(keras.layers.Layer):
    """One-hot encoding of numbers, shape (batch, steps), as vectors, shape (batch, steps, size).

    Args:
        size: Size of the vectors.
    """

    def __init__(self, size: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.size = size

    def call(self, numbers: Any) -> Any:
        """Return the one-hot vectors."""
        return ops.one_hot(numbers, self.size, dtype=self.compute_dtype)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments for `from_config`."""
        return {**super().get_config(), "size": self.size}


def char_window(characters: int, settings: CharWindow, *, precision: str) -> keras.Model:
    """Return the network; it maps `text`, shape (batch, window), to `logits`, shape (batch, characters).

    It has the same weights as the original: the LSTM's kernel, shape (characters, 4 · units), recurrent kernel, shape
    (units, 4 · units), and bias, shape (4 · units,), each in blocks for input gate, forget gate, cell and output gate;
    kernel and bias of the dense layer. The softmax is applied in the loss and in sampling.

    Args:
        characters: Size of the alphabet.
        settings: The `model` section.
        precision: `float32` or `bfloat16`; precision of the matrix products.
    """
    policy: dict[str, Any] = {"dtype": MIXED[precision]}
    text = keras.Input((settings.window,), dtype="int32", name=TEXT)
    values = OneHot(characters, name="one_hot", **policy)(text)
    values = SequenceLSTM(
        settings.hidden_units,
        activation=settings.activation,
        recurrent_activation=settings.recurrent_activation,
        name="lstm",
        **policy,
    )(values)
    logits = keras.layers.Dense(characters, name=LOGITS, **policy)(values)
    return keras.Model({TEXT: text}, {LOGITS: logits}, name="char_window")
