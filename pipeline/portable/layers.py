"""The computation of each layer in float32, in NumPy.

Each function takes the settings and weights of the layer, then the arguments of the Keras layer, and returns an array
or a list of arrays. The formulas are those of Keras and of `pipeline/models`; a test compares the results.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .activations import ACTIVATIONS, softmax
from .codes import codes_among

Settings = dict[str, Any]
Weights = dict[str, Any]
FAR = np.float32(-1e9)
"""Attention score of masked positions."""


def _activate(settings: Settings, x: Any, key: str = "activation") -> Any:
    return ACTIVATIONS[settings[key]](x)


def _identity(_s: Settings, _w: Weights, x: Any) -> Any:
    return x


def _dense(s: Settings, w: Weights, x: Any) -> Any:
    product = x @ w["kernel"]
    return _activate(s, product + w["bias"] if "bias" in w else product)


def _embedding(_s: Settings, w: Weights, numbers: Any) -> Any:
    # One-hot vectors times the matrix select its rows.
    return w["embeddings"][numbers]


def _reversible_embedding(_s: Settings, w: Weights, x: Any, reverse: bool = False) -> Any:
    if not reverse:
        return w["embeddings"][x]
    return x @ (w["reverse_embeddings"] if "reverse_embeddings" in w else w["embeddings"].T)


def _target_statistics(s: Settings, w: Weights, codes: Any) -> Any:
    return w["table"][codes + np.array(s["offsets"])].reshape(len(codes), -1)


def _one_hot(s: Settings, _w: Weights, numbers: Any) -> Any:
    return (numbers[..., None] == np.arange(s["size"])).astype(np.float32)


def _not_padding(_s: Settings, _w: Weights, numbers: Any) -> Any:
    return numbers != 0


def _concatenate(s: Settings, _w: Weights, parts: Any) -> Any:
    return np.concatenate(parts, axis=s["axis"])


def _normalised(w: Weights, epsilon: float, x: Any, name: str = "") -> Any:
    mean = x.mean(axis=-1, keepdims=True)
    spread = np.square(x - mean).mean(axis=-1, keepdims=True)
    return (x - mean) / np.sqrt(spread + np.float32(epsilon)) * w[f"{name}gamma"] + w[f"{name}beta"]


def _layer_normalization(s: Settings, w: Weights, x: Any) -> Any:
    return _normalised(w, s["epsilon"], x)


def _batch_normalization(s: Settings, w: Weights, x: Any) -> Any:
    normalised = (x - w["moving_mean"]) / np.sqrt(w["moving_variance"] + np.float32(s["epsilon"]))
    normalised = normalised * w["gamma"] if "gamma" in w else normalised
    return normalised + w["beta"] if "beta" in w else normalised


def _rescaling(s: Settings, _w: Weights, x: Any) -> Any:
    return x * np.float32(s["scale"]) + np.float32(s["offset"])


# Recurrent layers.


def _recurrent(s: Settings, cell: Callable[[Any, Any], Any], x: Any, initial_state: Any, mask: Any, parts: int) -> Any:
    """Run a cell over the steps of `x`, shape (batch, steps, …).

    A masked step leaves the state unchanged and repeats the previous output, or outputs zeros if there is none.
    """
    batch, steps = x.shape[:2]
    state = initial_state
    if state is None:
        state = [np.zeros((batch, s["units"]), np.float32)] * parts
    state = list(state)
    order = range(steps - 1, -1, -1) if s["go_backwards"] else range(steps)
    outputs, output = [], np.zeros((batch, s["units"]), np.float32)
    for step in order:
        after = cell(x[:, step], state)
        output = after[0] if mask is None else np.where(mask[:, step, None], after[0], output)
        if mask is not None:
            kept = mask[:, step, None]
            after = [np.where(kept, new, old) for new, old in zip(after, state, strict=True)]
        state = after
        outputs.append(np.where(kept, output, np.float32(0)) if mask is not None and s["zero_masked"] else output)
    result = np.stack(outputs, axis=1) if s["return_sequences"] else output
    return [result, *state] if s["return_state"] else result


def _lstm(s: Settings, w: Weights, x: Any, initial_state: Any = None, mask: Any = None, prefix: str = "") -> Any:
    """Run an LSTM; its kernels have four blocks of units: input gate, forget gate, cell, output gate."""
    inner, units = w[f"{prefix}recurrent_kernel"], s["units"]
    projected = x @ w[f"{prefix}kernel"]
    if f"{prefix}bias" in w:
        projected = projected + w[f"{prefix}bias"]

    def cell(now: Any, state: Any) -> Any:
        h, c = state
        z = now + h @ inner
        i, f, g, o = (z[:, block * units : (block + 1) * units] for block in range(4))
        i, f, o = (_activate(s, gate, "recurrent_activation") for gate in (i, f, o))
        c = f * c + i * _activate(s, g)
        return [o * _activate(s, c), c]

    return _recurrent(s, cell, projected, initial_state, mask, 2)


def _gru(s: Settings, w: Weights, x: Any, initial_state: Any = None, mask: Any = None, prefix: str = "") -> Any:
    """Run a GRU; its kernels have three blocks of units: update gate, reset gate, candidate."""
    kernel, units = w[f"{prefix}recurrent_kernel"], s["units"]
    bias = w.get(f"{prefix}bias", np.float32(0))
    input_bias, recurrent_bias = (bias[0], bias[1]) if np.ndim(bias) == 2 else (bias, np.float32(0))
    projected = x @ w[f"{prefix}kernel"] + input_bias

    def cell(now: Any, state: Any) -> Any:
        (h,) = state
        recurrent = h @ kernel + recurrent_bias if s["reset_after"] else h @ kernel[:, : 2 * units]
        z, r = (
            _activate(s, now[:, part] + recurrent[:, part], "recurrent_activation")
            for part in (slice(units), slice(units, 2 * units))
        )
        last = r * recurrent[:, 2 * units :] if s["reset_after"] else (r * h) @ kernel[:, 2 * units :]
        candidate = _activate(s, now[:, 2 * units :] + last)
        return [z * h + (1 - z) * candidate]

    initial_state = initial_state if isinstance(initial_state, list) or initial_state is None else [initial_state]
    return _recurrent(s, cell, projected, initial_state, mask, 1)


RECURRENT: dict[str, Callable[..., Any]] = {"LSTM": _lstm, "GRU": _gru}


def _bidirectional(s: Settings, w: Weights, x: Any, initial_state: Any = None, mask: Any = None) -> Any:
    layer = RECURRENT[s["layer"]]
    half = None if initial_state is None else len(initial_state) // 2
    outputs, states = [], []
    for place, (prefix, backwards) in enumerate((("forward/", False), ("backward/", True))):
        begin = None if half is None else initial_state[place * half : (place + 1) * half]
        settings = {**s, "go_backwards": backwards, "return_state": True}
        output, *state = layer(settings, w, x, begin, mask, prefix)
        # Both directions return outputs in the order of the inputs.
        outputs.append(output[:, ::-1] if backwards and s["return_sequences"] else output)
        states += state
    both = np.concatenate(outputs, axis=-1)
    return [both, *states] if s["return_state"] else both


# Attention.


def _attend(scores: Any, memory: Any, kept: Any) -> list[Any]:
    weights = softmax(scores + (1 - kept.astype(np.float32))[:, None] * FAR)
    return [weights @ memory, weights]


def _attention(_s: Settings, w: Weights, query: Any, memory: Any, kept: Any) -> Any:
    return _attend(query @ w["kernel"] @ memory.transpose(0, 2, 1), memory, kept)


def _attending_lstm(s: Settings, w: Weights, inputs: Any, keys: Any, memory: Any, kept: Any, h: Any, c: Any) -> Any:
    width = inputs.shape[-1]
    settings = {**s, "go_backwards": False, "return_sequences": True, "return_state": True, "zero_masked": False}
    outputs, attention = [], []
    for step in range(inputs.shape[1]):
        fits = np.tanh((h @ w["query_kernel"])[:, None] + keys) * w["direction"]
        context, weights = _attend(fits.sum(axis=-1)[:, None], memory, kept)
        both = np.concatenate([inputs[:, step : step + 1], context], axis=-1)
        output, h, c = _lstm(settings, w, both, [h, c])
        outputs.append(np.concatenate([output, context], axis=-1))
        attention.append(weights)
    assert width + memory.shape[-1] == w["kernel"].shape[0]  # noqa: S101  (the loop relies on it)
    return [np.concatenate(outputs, axis=1), np.concatenate(attention, axis=1), h, c]


def _positions(s: Settings, w: Weights, embedded: Any, before: Any) -> Any:
    steps = np.arange(embedded.shape[1])[None] + before[:, None]
    return embedded * np.float32(np.sqrt(embedded.shape[-1])) + w["table"][np.minimum(steps, s["longest"] - 1)]


def _heads(s: Settings, query: Any, keys: Any, values: Any, bias: Any) -> tuple[Any, Any]:
    size = s["width"] // s["heads"]

    def split(x: Any) -> Any:
        return x.reshape(*x.shape[:2], s["heads"], size).transpose(0, 2, 1, 3)

    scores = split(query / np.float32(np.sqrt(size))) @ split(keys).transpose(0, 1, 3, 2) + bias
    weights = softmax(scores)
    seen = (weights @ split(values)).transpose(0, 2, 1, 3)
    return seen.reshape(*seen.shape[:2], s["width"]), weights


def _feed_forward(s: Settings, w: Weights, x: Any) -> Any:
    wide = np.maximum(_normalised(w, s["epsilon"], x, "dense_norm/") @ w["wide/kernel"] + w["wide/bias"], 0)
    return x + wide @ w["narrow/kernel"] + w["narrow/bias"]


def _encoder_block(s: Settings, w: Weights, x: Any, kept: Any) -> Any:
    both = _normalised(w, s["epsilon"], x, "attention_norm/") @ w["query_key_value/kernel"] + w["query_key_value/bias"]
    query, keys, values = np.split(both, 3, axis=-1)
    bias = (1 - kept.astype(np.float32))[:, None, None] * FAR
    seen, _ = _heads(s, query, keys, values, bias)
    return _feed_forward(s, w, x + seen @ w["output/kernel"] + w["output/bias"])


def _decoder_block(s: Settings, w: Weights, x: Any, memory: Any, kept: Any, past: Any) -> Any:
    both = _normalised(w, s["epsilon"], x, "self_norm/") @ w["query_key_value/kernel"] + w["query_key_value/bias"]
    query, now = both[..., : s["width"]], both[..., s["width"] :]
    past = np.concatenate([past, now], axis=1)
    keys, values = np.split(past, 2, axis=-1)
    steps, positions = x.shape[1], past.shape[1]
    ahead = np.arange(positions)[None] > np.arange(steps)[:, None] + (positions - steps)
    seen, _ = _heads(s, query, keys, values, ahead.astype(np.float32) * FAR)
    x = x + seen @ w["self_output/kernel"] + w["self_output/bias"]
    keys, values = np.split(memory, 2, axis=-1)
    query = _normalised(w, s["epsilon"], x, "memory_norm/") @ w["query/kernel"] + w["query/bias"]
    seen, weights = _heads(s, query, keys, values, (1 - kept.astype(np.float32))[:, None, None] * FAR)
    x = x + seen @ w["memory_output/kernel"] + w["memory_output/bias"]
    return [_feed_forward(s, w, x), weights.mean(axis=1), past]


def _nothing(s: Settings, _w: Weights, words: Any) -> Any:
    return [np.zeros(len(words), np.int32), np.zeros((len(words), 0, s["width"]), np.float32)]


def _counter(_s: Settings, _w: Weights, number: Any, words: Any) -> Any:
    return number + words.shape[1]


# Tables.


def _embedding_dense(s: Settings, w: Weights, codes: Any, beside: Any = None) -> Any:
    parts = [w[f"table_{s['dims'][c]}"][codes[:, c] + s["offsets"][c]] for c in s["columns"]]
    features = np.concatenate(parts if beside is None else [*parts, beside], axis=1)
    return _members_dense(s, w, features) if "scale" in w else features @ w["kernel"] + w["bias"]


def _members_dense(_s: Settings, w: Weights, x: Any) -> Any:
    # Each member of an ensemble has its own factors, shape (batch, members, features).
    return (x[:, None] * w["scale"].T) @ w["kernel"] + w["bias"]


def _einsum_dense(_s: Settings, w: Weights, x: Any) -> Any:
    # A dense layer of its own for each member.
    return (x.transpose(1, 0, 2) @ w["kernel"]).transpose(1, 0, 2) + w["bias"]


def _value_and_flag(_s: Settings, _w: Weights, values: Any) -> Any:
    missing = np.isnan(values)
    return np.concatenate([np.where(missing, np.float32(0), values), missing.astype(np.float32)], axis=-1)


def _quantile_bins(s: Settings, _w: Weights, values: Any) -> Any:
    columns = [np.searchsorted(np.array(e, np.float32), values[:, i], "right") + 1 for i, e in enumerate(s["edges"])]
    return np.where(np.isnan(values), 0, np.stack(columns, axis=1)).astype(np.int32)


def _value_codes(s: Settings, _w: Weights, values: Any) -> Any:
    columns = [np.asarray(known, np.float32) for known in s["known"]]
    return np.stack([codes_among(values[:, index], known) for index, known in enumerate(columns)], axis=1)


def _number_embedding(w: Weights, values: Any, missing: Any, features: Any) -> Any:
    embedded = np.maximum(np.einsum("bcf,cfd->bcd", features, w["kernel"]) + w["bias"], 0)
    embedded = np.where(missing[..., None], w["missing"], embedded)
    return embedded.reshape(len(values), embedded.shape[1] * embedded.shape[2])


def _periodic_embedding(_s: Settings, w: Weights, values: Any) -> Any:
    missing = np.isnan(values)
    angles = np.float32(2 * np.pi) * np.where(missing, np.float32(0), values)[..., None] * w["frequency"]
    return _number_embedding(w, values, missing, np.concatenate([np.sin(angles), np.cos(angles)], axis=-1))


def _piecewise_embedding(_s: Settings, w: Weights, values: Any) -> Any:
    missing = np.isnan(values)
    filled = np.where(missing, np.float32(0), values)[..., None]
    shares = np.minimum(np.maximum((filled - w["starts"]) / w["widths"], w["low"]), w["high"])
    return _number_embedding(w, values, missing, shares)


LAYERS: dict[str, Callable[..., Any]] = {
    "Activation": lambda s, w, x: _activate(s, x),
    "Add": lambda s, w, parts: sum(parts[1:], parts[0]),
    "AttendingLSTM": _attending_lstm,
    "Attention": _attention,
    "Average": lambda s, w, parts: sum(parts[1:], parts[0]) / np.float32(len(parts)),
    "BatchNormalization": _batch_normalization,
    "Bidirectional": _bidirectional,
    "Concatenate": _concatenate,
    "Counter": _counter,
    "DecoderBlock": _decoder_block,
    "Dense": _dense,
    "Dropout": _identity,
    "EinsumDense": _einsum_dense,
    "Embedding": _embedding,
    "EmbeddingDense": _embedding_dense,
    "EncoderBlock": _encoder_block,
    "GRU": _gru,
    "GlobalAveragePooling1D": lambda s, w, x: x.mean(axis=1),
    "LSTM": _lstm,
    "LayerNormalization": _layer_normalization,
    "MembersDense": _members_dense,
    "NotPadding": _not_padding,
    "Nothing": _nothing,
    "OneHot": _one_hot,
    "PeriodicEmbedding": _periodic_embedding,
    "PiecewiseEmbedding": _piecewise_embedding,
    "Positions": _positions,
    "QuantileBins": _quantile_bins,
    "Rescaling": _rescaling,
    "TargetStatistics": _target_statistics,
    "ReversibleEmbedding": _reversible_embedding,
    "ValueAndFlag": _value_and_flag,
    "ValueCodes": _value_codes,
}
