"""Recurrent character model that predicts the next character from all earlier ones; its state is input and output.

Source: Graves: Generating Sequences With Recurrent Neural Networks (2013); GRU: Cho et al. (2014), as in Keras.
"""

from typing import Any

import keras

from pipeline.families.text.models.common import LOGITS, TEXT
from pipeline.families.text.settings import CharRnn
from pipeline.models.precision import MIXED
from pipeline.models.recurrent import SequenceLSTM


def char_rnn(characters: int, settings: CharRnn, *, precision: str) -> keras.Model:
    """Return the network; it maps `text` and the state before it to `logits` and the state after it.

    `text` has shape (batch, steps), `logits` shape (batch, steps, characters). The parts of the state, `h_1`, … and for
    LSTMs `c_1`, …, have shape (batch, units), and are zero at the beginning of a text.

    Args:
        characters: Size of the alphabet.
        settings: The `model` section.
        precision: `float32` or `bfloat16`; precision of the matrix products.
    """
    policy: dict[str, Any] = {"dtype": MIXED[precision]}
    kind, parts = {"lstm": (SequenceLSTM, ("h", "c")), "gru": (keras.layers.GRU, ("h",))}[settings.cell]
    text = keras.Input((None,), dtype="int32", name=TEXT)
    values = keras.layers.Embedding(characters, settings.embedding_dim, name="embedding", **policy)(text)
    before: dict[str, Any] = {}
    after: dict[str, Any] = {}
    for number in range(1, settings.hidden_layers + 1):
        names = [f"{part}_{number}" for part in parts]
        before |= {name: keras.Input((settings.hidden_units,), name=name) for name in names}
        layer = kind(settings.hidden_units, return_sequences=True, return_state=True, name=f"rnn_{number}", **policy)
        values, *state = layer(values, initial_state=[before[name] for name in names])
        after |= dict(zip(names, state, strict=True))
        if settings.dropout:
            values = keras.layers.Dropout(settings.dropout, name=f"dropout_{number}", **policy)(values)
    logits = keras.layers.Dense(characters, name=LOGITS, **policy)(values)
    return keras.Model({TEXT: text, **before}, {LOGITS: logits, **after}, name="char_rnn")
