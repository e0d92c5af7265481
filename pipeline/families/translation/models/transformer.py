"""Transformer encoder and decoder; `blocks.py` names the sources."""

from typing import Any

import keras
from keras import ops

from pipeline.families.translation.models.blocks import DecoderBlock, EncoderBlock, Positions
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
from pipeline.families.translation.settings import Transformer
from pipeline.models.precision import MIXED

SIDES = ("source", "target")


@keras.saving.register_keras_serializable(package="onehot")
class Nothing(keras.layers.Layer):
    """The decoder's state before the first word: step counts of 0, and empty keys and values of past steps.

    Outputs: step counts, shape (batch,); keys and values, shape (batch, room, width).

    Args:
        width: Width of keys and values together.
        room: Number of past steps to allocate; 0 if keys and values grow with each step.
    """

    def __init__(self, width: int, room: int = 0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.width, self.room = width, room

    def call(self, words: Any) -> tuple[Any, Any]:
        """Return the zero tensors for a batch."""
        batch = ops.shape(words)[0]
        return ops.zeros((batch,), "int32"), ops.zeros((batch, self.room, self.width), self.compute_dtype)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments for `from_config`."""
        return {**super().get_config(), "width": self.width, "room": self.room}


@keras.saving.register_keras_serializable(package="onehot")
class Counter(keras.layers.Layer):
    """Adds the number of steps of words, shape (batch, steps), to counts, shape (batch,)."""

    def call(self, number: Any, words: Any) -> Any:
        """Return the updated counts."""
        return number + ops.shape(words)[1]

    def compute_output_spec(self, number: Any, words: Any) -> Any:
        """Return the shape and type of the output."""
        return keras.KerasTensor(number.shape, number.dtype)


def transformer(sizes: Sizes, settings: Transformer, *, precision: str) -> keras.Model:
    """Return the network; it maps `source` and `target`, shape (batch, positions), to logits.

    The logits have shape (batch, positions, words). The target embedding and the output layer share their weights.

    Args:
        sizes: Sizes of the vocabularies and sentences.
        settings: The `model` section; `embedding_dim` must be a multiple of 2 · `heads`.
        precision: `float32` or `bfloat16`; precision of the matrix products.
    """
    policy: dict[str, Any] = {"dtype": MIXED[precision]}
    width, drop = settings.embedding_dim, settings.dropout
    initial = keras.initializers.RandomNormal(stddev=width**-0.5)
    made: list[Any] = [
        NotPadding(name="kept"),
        Nothing(2 * width, name="nothing", **policy),
        keras.layers.Embedding(sizes.source, width, initial, name="source_embedding", **policy),
        keras.layers.ReversibleEmbedding(
            sizes.target, width, embeddings_initializer=initial.clone(), name="target_embedding", **policy
        ),
        *(Positions(settings.positions, sizes.longest, name=f"{side}_positions", **policy) for side in SIDES),
        *(keras.layers.Dropout(drop, name=f"{side}_dropout", **policy) for side in SIDES),
        *(keras.layers.LayerNormalization(epsilon=1e-6, name=f"{side}_norm", **policy) for side in SIDES),
    ]
    for number in range(1, settings.hidden_layers + 1):
        for kind, side in ((EncoderBlock, "encoder"), (DecoderBlock, "decoder")):
            made.append(kind(width, settings.heads, settings.hidden_units, drop, name=f"{side}_{number}", **policy))
        made.append(keras.layers.Dense(2 * width, name=f"memory_{number}", **policy))
    layers = {layer.name: layer for layer in made}
    source, target = sentences(sizes)
    state = _encode(layers, source, settings.hidden_layers)
    logits, _ = _decode(layers, target, state, settings.hidden_layers)
    return keras.Model({"source": source, "target": target}, logits, name="transformer")


def transformer_inference(model: keras.Model, lengths: tuple[int, int] | None = None) -> Inference:
    """Return the inference networks; all lengths are fixed if `lengths` are given, see `inference_of`."""
    layers = {layer.name: layer for layer in model.layers}
    count = sum(isinstance(layer, EncoderBlock) for layer in layers.values())
    if lengths is not None:
        layers["nothing"] = Nothing(
            layers["nothing"].width, lengths[1], name="nothing", dtype=layers["nothing"].dtype_policy
        )
    source = keras.Input((lengths[0] if lengths else model.inputs[0].shape[1],), dtype="int32", name="source")
    state = _encode(layers, source, count)
    word, past = (token() if lengths is None else token(1)), state_inputs(state, grows=lengths is None)
    logits, after = _decode(layers, word, past, count, grows=lengths is None)
    after["steps"] = Counter(name="counted")(past["steps"], word)
    decoder = keras.Model({TOKEN: word, **past}, {LOGITS: logits, **after}, name="decoder")
    return Inference(keras.Model({"source": source}, state, name="encoder"), decoder)


def _encode(layers: dict[str, Any], source: Any, count: int) -> dict[str, Any]:
    kept = layers["kept"](source)
    steps, past = layers["nothing"](source)
    values = layers["source_positions"](layers["source_embedding"](source), steps)
    values = layers["source_dropout"](values)
    for number in range(1, count + 1):
        values = layers[f"encoder_{number}"](values, kept)
    values, state = layers["source_norm"](values), {"kept": kept, "steps": steps}
    for number in range(1, count + 1):
        # Each block's keys and values of the memory depend only on the source.
        state |= {f"memory_{number}": layers[f"memory_{number}"](values), f"past_{number}": past}
    return state


def _decode(
    layers: dict[str, Any], words: Any, state: dict[str, Any], count: int, *, grows: bool = True
) -> tuple[Any, dict[str, Any]]:
    written = layers["target_positions"](layers["target_embedding"](words), state["steps"])
    written, after = layers["target_dropout"](written), {}
    for number in range(1, count + 1):
        name = f"past_{number}"
        written, after[WEIGHTS], after[name] = layers[f"decoder_{number}"](
            written, state[f"memory_{number}"], state["kept"], state[name], None if grows else state["steps"]
        )
        if not grows:
            # The oldest step is dropped to keep the length fixed.
            after[name] = after[name][:, 1:]
    return layers["target_embedding"](layers["target_norm"](written), reverse=True), after
