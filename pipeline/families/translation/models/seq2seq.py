"""LSTM encoder and decoder; the decoder sees only the encoder's state after the last word of the source.

Source: Sutskever, Vinyals, Le: Sequence to Sequence Learning with Neural Networks (2014), without reversing the source.
"""

from typing import Any

import keras

from pipeline.families.translation.models.common import (
    LOGITS,
    TOKEN,
    Inference,
    NotPadding,
    Sizes,
    sentences,
    state_inputs,
    token,
)
from pipeline.families.translation.settings import Seq2Seq
from pipeline.models.precision import MIXED
from pipeline.models.recurrent import SequenceLSTM


def seq2seq(sizes: Sizes, settings: Seq2Seq, *, precision: str) -> keras.Model:
    """Return the network; it maps `source` and `target`, shape (batch, positions), to logits.

    The logits have shape (batch, positions, words).

    Args:
        sizes: Sizes of the vocabularies and sentences.
        settings: The `model` section.
        precision: `float32` or `bfloat16`; precision of the matrix products.
    """
    policy: dict[str, Any] = {"dtype": MIXED[precision]}
    source, target = sentences(sizes)
    kept = NotPadding(name="kept")(source) if settings.mask else None
    values = keras.layers.Embedding(sizes.source, settings.embedding_dim, name="source_embedding", **policy)(source)
    written = keras.layers.Embedding(sizes.target, settings.embedding_dim, name="target_embedding", **policy)(target)
    for number in range(1, settings.hidden_layers + 1):
        values = _dropped(values, f"encoder_dropout_{number}", settings, policy)
        values, *state = _lstm(f"encoder_{number}", settings, policy)(values, mask=kept)
        written = _dropped(written, f"decoder_dropout_{number}", settings, policy)
        written, *_ = _lstm(f"decoder_{number}", settings, policy)(written, initial_state=state)
    written = _dropped(written, "dropout", settings, policy)
    logits = keras.layers.Dense(sizes.target, name=LOGITS, **policy)(written)
    return keras.Model({"source": source, "target": target}, logits, name="seq2seq")


def seq2seq_inference(model: keras.Model, lengths: tuple[int, int] | None = None) -> Inference:
    """Return the inference networks; all lengths are fixed if `lengths` are given, see `inference_of`."""
    layer = model.get_layer
    lstms = [made.name for made in model.layers if isinstance(made, SequenceLSTM)]
    layers = sum(name.startswith("encoder_") for name in lstms)
    source = keras.Input((lengths[0] if lengths else model.inputs[0].shape[1],), dtype="int32", name="source")
    kept = layer("kept")(source) if any(made.name == "kept" for made in model.layers) else None
    values = layer("source_embedding")(source)
    state: dict[str, Any] = {}
    for number in range(1, layers + 1):
        values, *ends = layer(f"encoder_{number}")(values, mask=kept)
        state |= {f"h_{number}": ends[0], f"c_{number}": ends[1]}
    word, past = token(1 if lengths else None), state_inputs(state)
    written, after = layer("target_embedding")(word), {}
    for number in range(1, layers + 1):
        before = [past[f"h_{number}"], past[f"c_{number}"]]
        written, after[f"h_{number}"], after[f"c_{number}"] = layer(f"decoder_{number}")(written, initial_state=before)
    decoder = keras.Model({TOKEN: word, **past}, {LOGITS: layer(LOGITS)(written), **after}, name="decoder")
    return Inference(keras.Model({"source": source}, state, name="encoder"), decoder)


def _lstm(name: str, settings: Seq2Seq, policy: dict[str, Any]) -> SequenceLSTM:
    return SequenceLSTM(settings.hidden_units, return_sequences=True, return_state=True, name=name, **policy)


def _dropped(values: Any, name: str, settings: Seq2Seq, policy: dict[str, Any]) -> Any:
    return keras.layers.Dropout(settings.dropout, name=name, **policy)(values) if settings.dropout else values
