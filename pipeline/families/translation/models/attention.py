"""Bidirectional LSTM encoder, and LSTM decoder with attention.

`luong`: attention is computed from the decoder's output and concatenated with it (Luong, Pham, Manning: Effective
Approaches to Attention-based Neural Machine Translation, 2015, "global, general", without input feeding: all steps of a
sentence are computed at once). `bahdanau`: attention is computed before each decoder step and is part of the step's
input (Bahdanau, Cho, Bengio: Neural Machine Translation by Jointly Learning to Align and Translate, 2015).
"""

from typing import Any

import keras

from pipeline.families.translation.models.attention_layers import AttendingLSTM, Attention
from pipeline.families.translation.models.common import (
    LOGITS,
    TOKEN,
    WEIGHTS,
    Inference,
    NotPadding,
    Sizes,
    sentences,
    state_inputs,
    token,
)
from pipeline.families.translation.settings import Attention as AttentionModel
from pipeline.models.precision import MIXED
from pipeline.models.recurrent import SequenceLSTM

KEYS = "keys"
"""Keys of Bahdanau's attention, with which queries are compared; they depend only on the memory."""


def attention(sizes: Sizes, settings: AttentionModel, *, precision: str) -> keras.Model:
    """Return the network; it maps `source` and `target`, shape (batch, positions), to logits.

    The logits have shape (batch, positions, words).

    Args:
        sizes: Sizes of the vocabularies and sentences.
        settings: The `model` section; `hidden_units` must be even.
        precision: `float32` or `bfloat16`; precision of the matrix products.
    """
    layers = _layers(sizes, settings, {"dtype": MIXED[precision]})
    source, target = sentences(sizes)
    state = _encode(layers, source, settings.hidden_layers)
    logits, _ = _decode(layers, target, state, settings.hidden_layers)
    return keras.Model({"source": source, "target": target}, logits, name="attention")


def attention_inference(model: keras.Model, lengths: tuple[int, int] | None = None) -> Inference:
    """Return the inference networks; all lengths are fixed if `lengths` are given, see `inference_of`."""
    layers = {layer.name: layer for layer in model.layers}
    count = sum(name.startswith("encoder_") and "dropout" not in name for name in layers)
    source = keras.Input((lengths[0] if lengths else model.inputs[0].shape[1],), dtype="int32", name="source")
    state = _encode(layers, source, count)
    word, past = token(1 if lengths else None), state_inputs(state)
    logits, after = _decode(layers, word, past, count)
    decoder = keras.Model({TOKEN: word, **past}, {LOGITS: logits, **after}, name="decoder")
    return Inference(keras.Model({"source": source}, state, name="encoder"), decoder)


def _layers(sizes: Sizes, settings: AttentionModel, policy: dict[str, Any]) -> dict[str, Any]:
    units, dim = settings.hidden_units, settings.embedding_dim

    def lstm(name: str, width: int) -> SequenceLSTM:
        return SequenceLSTM(width, return_sequences=True, return_state=True, name=name, **policy)

    made: list[Any] = [
        NotPadding(name="kept"),
        keras.layers.Embedding(sizes.source, dim, name="source_embedding", **policy),
        keras.layers.ReversibleEmbedding(
            sizes.target, dim, tie_weights=settings.tied, name="target_embedding", **policy
        ),
        keras.layers.Dense(dim, "tanh", name="joined", **policy),
    ]
    for number in range(1, settings.hidden_layers + 1):
        is_first = number == 1
        made.append(keras.layers.Bidirectional(lstm("lstm", units // 2), name=f"encoder_{number}", **policy))
        if is_first and settings.score == "bahdanau":
            made.append(keras.layers.Dense(units, use_bias=False, name=KEYS, **policy))
            made.append(AttendingLSTM(units, name="decoder_1", **policy))
        else:
            made.append(lstm(f"decoder_{number}", units))
        made += [keras.layers.Concatenate(name=f"{name}_{number}", **policy) for name in ("h", "c")]
    if settings.score == "luong":
        made.append(Attention(name=WEIGHTS, **policy))
    made.append(keras.layers.Concatenate(name="seen", **policy))
    places = [
        "source",
        "target",
        *(f"{side}_{n}" for n in range(1, settings.hidden_layers) for side in ("encoder", "decoder")),
        "joined",
    ]
    made += [keras.layers.Dropout(settings.dropout, name=f"{place}_dropout", **policy) for place in places]
    return {layer.name: layer for layer in made}


def _encode(layers: dict[str, Any], source: Any, count: int) -> dict[str, Any]:
    kept = layers["kept"](source)
    values = layers["source_dropout"](layers["source_embedding"](source))
    state = {"kept": kept}
    for number in range(1, count + 1):
        if number > 1:
            values = layers[f"encoder_{number - 1}_dropout"](values)
        values, h, c, back_h, back_c = layers[f"encoder_{number}"](values, mask=kept)
        state |= {f"h_{number}": layers[f"h_{number}"]([h, back_h]), f"c_{number}": layers[f"c_{number}"]([c, back_c])}
    keys = {KEYS: layers[KEYS](values)} if KEYS in layers else {}
    return {**state, "memory": values, **keys}


def _decode(layers: dict[str, Any], words: Any, state: dict[str, Any], count: int) -> tuple[Any, dict[str, Any]]:
    written, after = layers["target_dropout"](layers["target_embedding"](words)), {}
    memory, kept = state["memory"], state["kept"]
    for number in range(1, count + 1):
        layer, before = layers[f"decoder_{number}"], [state[f"h_{number}"], state[f"c_{number}"]]
        if number > 1:
            written = layers[f"decoder_{number - 1}_dropout"](written)
        if isinstance(layer, AttendingLSTM):
            written, after[WEIGHTS], *ends = layer(written, state[KEYS], memory, kept, *before)
        else:
            written, *ends = layer(written, initial_state=before)
        after |= {f"h_{number}": ends[0], f"c_{number}": ends[1]}
    if WEIGHTS in layers:
        seen, after[WEIGHTS] = layers[WEIGHTS](written, memory, kept)
        written = layers["seen"]([written, seen])
    joined = layers["joined_dropout"](layers["joined"](written))
    return layers["target_embedding"](joined, reverse=True), after
