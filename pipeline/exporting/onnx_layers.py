"""Each layer as ONNX operators for inputs of any length, equivalent to `pipeline/portable/layers.py`."""

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from pipeline.exporting.errors import ExportError
from pipeline.exporting.onnx_activations import RECURRENT, bent
from pipeline.exporting.onnx_graph import Graph, Value

Settings = Mapping[str, Any]
Weights = Mapping[str, Any]
FAR = -1e9


def _dense(g: Graph, s: Settings, w: Weights, x: Value) -> Value:
    product: Value = x @ w["kernel"]
    return bent(g, s["activation"], product + w["bias"] if "bias" in w else product)


def _reversible_embedding(g: Graph, _s: Settings, w: Weights, x: Value, reverse: bool = False) -> Value:
    if not reverse:
        return g.value(w["embeddings"]).rows(x)
    # Transposed in the graph, so that the table is stored once.
    reverse_table = w.get("reverse_embeddings")
    return x @ (g.value(w["embeddings"]).transposed(1, 0) if reverse_table is None else reverse_table)


def _target_statistics(g: Graph, s: Settings, w: Weights, codes: Value) -> Value:
    statistics = g.value(w["table"]).rows(codes + np.array(s["offsets"], np.int32))
    return statistics.reshaped(0, len(s["offsets"]) * w["table"].shape[1])


def _one_hot(g: Graph, s: Settings, _w: Weights, numbers: Value) -> Value:
    return g.op("Equal", numbers.with_axis(-1), np.arange(s["size"], dtype=np.int32)).cast("float32")


def _not_padding(g: Graph, _s: Settings, _w: Weights, numbers: Value) -> Value:
    return g.op("Not", g.op("Equal", numbers, np.array(0, np.int32)))


def _normalised(g: Graph, w: Weights, epsilon: float, x: Value, name: str = "") -> Value:
    return g.op("LayerNormalization", x, w[f"{name}gamma"], w[f"{name}beta"], epsilon=epsilon)


def _batch_normalization(_g: Graph, s: Settings, w: Weights, x: Value) -> Value:
    scale = w.get("gamma", np.float32(1)) / np.sqrt(w["moving_variance"] + np.float32(s["epsilon"]))
    normalised: Value = x * scale + (w.get("beta", np.float32(0)) - w["moving_mean"] * scale)
    return normalised


def _summed(parts: list[Value]) -> Value:
    total = parts[0]
    for part in parts[1:]:
        total = total + part
    return total


# Recurrent layers. The order of the gates is input, forget, cell, output in Keras; input, output, forget, cell in ONNX.


def _operator(s: Settings, w: Weights, prefix: str) -> tuple[str, list[Any], dict[str, Any]]:
    """Return the operator, its weights in its own order, and its attributes."""
    inner, outer = w[f"{prefix}recurrent_kernel"], w[f"{prefix}kernel"]
    units, is_gru = s["units"], "reset_after" in s
    order = [0, 1, 2] if is_gru else [0, 3, 1, 2]

    def arranged(matrix: Any) -> Any:
        blocks = np.split(matrix, len(order), axis=-1)
        return np.concatenate([blocks[index] for index in order], axis=-1)

    bias = w.get(f"{prefix}bias", np.zeros(len(order) * units, np.float32))
    both = bias if np.ndim(bias) == 2 else np.stack([bias, np.zeros_like(bias)])
    weights = [
        arranged(outer).T[None],
        arranged(inner).T[None],
        np.concatenate([arranged(part) for part in both])[None],
    ]
    activation, gate = s["activation"], s["recurrent_activation"]
    if unsupported := [name for name in (activation, gate) if name not in RECURRENT]:
        raise ExportError(
            f"the ONNX export does not support activation {unsupported[0]!r} of a recurrent layer; it supports "
            f"{', '.join(sorted(RECURRENT))}. Use the format numpy instead"
        )
    attributes: dict[str, Any] = {"hidden_size": units, "activations": [RECURRENT[gate], RECURRENT[activation]]}
    if is_gru:
        return "GRU", weights, {**attributes, "linear_before_reset": int(s["reset_after"])}
    return (
        "LSTM",
        weights,
        {**attributes, "activations": [RECURRENT[gate], RECURRENT[activation], RECURRENT[activation]]},
    )


def _read(
    g: Graph, s: Settings, w: Weights, x: Value, state: Any, mask: Value | None, prefix: str, *, backwards: bool
) -> tuple[Value, list[Value]]:
    """Return the outputs in the order of the inputs, shape (batch, steps, units), and the last state.

    Masked steps must be at the end, because the operator takes lengths, not masks.
    """
    kind, weights, attributes = _operator(s, w, prefix)
    lengths = None if mask is None else g.op("ReduceSum", mask.cast("int32"), np.array([1]), keepdims=0)
    state = state if isinstance(state, list) or state is None else [state]
    begin = [] if state is None else [part.with_axis(0) for part in state]
    direction = "reverse" if backwards else "forward"
    count = 2 if kind == "GRU" else 3
    outputs, *ends = g.several(
        kind, count, x.transposed(1, 0, 2), *weights, lengths, *begin, direction=direction, **attributes
    )
    outputs, ends = outputs.without_axis(1).transposed(1, 0, 2), [end.without_axis(0) for end in ends]
    if mask is not None and not backwards and not s["zero_masked"]:
        # Masked steps at the end repeat the last output.
        outputs = g.where(mask.with_axis(-1), outputs, ends[0].with_axis(1))
    return outputs, ends


def _recurrent(
    g: Graph, s: Settings, w: Weights, x: Value, initial_state: Any = None, mask: Value | None = None
) -> Any:
    outputs, ends = _read(g, s, w, x, initial_state, mask, "", backwards=s["go_backwards"])
    if s["go_backwards"] and s["return_sequences"]:
        outputs = g.op("Slice", outputs, np.array([-1]), np.array([-(2**31)]), np.array([1]), np.array([-1]))
    output = outputs if s["return_sequences"] else ends[0]
    return [output, *ends] if s["return_state"] else output


def _bidirectional(
    g: Graph, s: Settings, w: Weights, x: Value, initial_state: Any = None, mask: Value | None = None
) -> Any:
    half = None if initial_state is None else len(initial_state) // 2
    outputs, states = [], []
    for place, prefix in enumerate(("forward/", "backward/")):
        begin = None if half is None else initial_state[place * half : (place + 1) * half]
        output, ends = _read(g, s, w, x, begin, mask, prefix, backwards=place == 1)
        outputs.append(output if s["return_sequences"] else ends[0])
        states += ends
    both = g.concatenated(outputs)
    return [both, *states] if s["return_state"] else both


# Attention.


def _attend(g: Graph, scores: Value, memory: Value, kept: Value) -> list[Value]:
    weights = g.op("Softmax", scores + (1 - kept.cast("float32")).with_axis(1) * FAR)
    return [weights @ memory, weights]


def _attention(g: Graph, _s: Settings, w: Weights, query: Value, memory: Value, kept: Value) -> Any:
    return _attend(g, query @ w["kernel"] @ memory.transposed(0, 2, 1), memory, kept)


def _attending_lstm(
    g: Graph, _s: Settings, w: Weights, x: Value, keys: Value, memory: Value, kept: Value, h: Value, c: Value
) -> Any:
    def step(body: Graph, h: Value, c: Value, now: Value) -> Any:
        inside = [Value(body, value.name) for value in (keys, memory, kept)]
        fits = body.op("Tanh", (h @ w["query_kernel"]).with_axis(1) + inside[0]) * w["direction"]
        scores = body.op("ReduceSum", fits, np.array([-1]), keepdims=0).with_axis(1)
        context, weights = (value.without_axis(1) for value in _attend(body, scores, *inside[1:]))
        z = body.concatenated([now, context]) @ w["kernel"] + h @ w["recurrent_kernel"] + w["bias"]
        i, f, cell, o = z.parts(4)
        c = body.op("Sigmoid", f) * c + body.op("Sigmoid", i) * body.op("Tanh", cell)
        h = body.op("Sigmoid", o) * body.op("Tanh", c)
        return [h, c], [body.concatenated([h, context]), weights]

    ends, outputs = g.scanned(step, [h, c], x.transposed(1, 0, 2))
    return [*(value.transposed(1, 0, 2) for value in outputs), *ends]


def _count(g: Graph, x: Value, axis: int) -> Value:
    """Return the positions 0, 1, … of an axis, int32."""
    zero, one = np.array(0, np.int64), np.array(1, np.int64)
    return g.op("Range", zero, x.size(axis).without_axis(0), one).cast("int32")


def _positions(g: Graph, s: Settings, w: Weights, embedded: Value, before: Value) -> Value:
    steps = _count(g, embedded, 1).with_axis(0) + before.with_axis(1)
    table = g.value(w["table"]).rows(g.op("Min", steps, np.array(s["longest"] - 1, np.int32)))
    return embedded * math.sqrt(w["table"].shape[1]) + table


def _heads(g: Graph, s: Settings, query: Value, keys: Value, values: Value, bias: Value) -> tuple[Value, Value]:
    size = s["width"] // s["heads"]

    def split(x: Value) -> Value:
        return x.reshaped(0, 0, s["heads"], size).transposed(0, 2, 1, 3)

    scores = split(query / math.sqrt(size)) @ split(keys).transposed(0, 1, 3, 2) + bias
    weights = g.op("Softmax", scores)
    return (weights @ split(values)).transposed(0, 2, 1, 3).reshaped(0, 0, s["width"]), weights


def _feed_forward(g: Graph, s: Settings, w: Weights, x: Value) -> Value:
    wide = _normalised(g, w, s["epsilon"], x, "dense_norm/") @ w["wide/kernel"] + w["wide/bias"]
    output: Value = x + g.op("Relu", wide) @ w["narrow/kernel"] + w["narrow/bias"]
    return output


def _hidden(kept: Value) -> Value:
    return (1 - kept.cast("float32")).with_axis(1).with_axis(1) * FAR


def _encoder_block(g: Graph, s: Settings, w: Weights, x: Value, kept: Value) -> Value:
    both = _normalised(g, w, s["epsilon"], x, "attention_norm/") @ w["query_key_value/kernel"]
    query, keys, values = (both + w["query_key_value/bias"]).parts(3)
    seen, _ = _heads(g, s, query, keys, values, _hidden(kept))
    return _feed_forward(g, s, w, x + seen @ w["output/kernel"] + w["output/bias"])


def _decoder_block(g: Graph, s: Settings, w: Weights, x: Value, memory: Value, kept: Value, past: Value) -> Any:
    both = _normalised(g, w, s["epsilon"], x, "self_norm/") @ w["query_key_value/kernel"] + w["query_key_value/bias"]
    query, *now = both.parts(3)
    past = g.concatenated([past, g.concatenated(now)], axis=1)
    keys, values = past.parts(2)
    positions, steps = _count(g, past, 1), _count(g, x, 1)
    earlier = (past.size(1) - x.size(1)).cast("int32")
    ahead = g.op("Greater", positions.with_axis(0), steps.with_axis(1) + earlier)
    seen, _ = _heads(g, s, query, keys, values, ahead.cast("float32") * FAR)
    x = x + seen @ w["self_output/kernel"] + w["self_output/bias"]
    keys, values = memory.parts(2)
    query = _normalised(g, w, s["epsilon"], x, "memory_norm/") @ w["query/kernel"] + w["query/bias"]
    seen, weights = _heads(g, s, query, keys, values, _hidden(kept))
    x = x + seen @ w["memory_output/kernel"] + w["memory_output/bias"]
    return [_feed_forward(g, s, w, x), g.op("ReduceMean", weights, np.array([1]), keepdims=0), past]


def _nothing(g: Graph, s: Settings, _w: Weights, words: Value) -> Any:
    batch = words.size(0)
    shape = g.concatenated([batch, np.array([0, s["width"]])], axis=0)
    return [g.op("ConstantOfShape", batch).cast("int32"), g.op("ConstantOfShape", shape)]


# Tables.


def _embedding_dense(g: Graph, s: Settings, w: Weights, codes: Value, beside: Value | None = None) -> Value:
    # Columns are ordered by width: those of the same width share one table.
    features: list[Value] = []
    for dim in sorted(set(s["dims"])):
        columns = [column for column in s["columns"] if s["dims"][column] == dim]
        offsets = np.array([s["offsets"][column] for column in columns], np.int32)
        embedded = g.value(w[f"table_{dim}"]).rows(codes.rows(np.array(columns), axis=1) + offsets)
        features.append(embedded.reshaped(0, len(columns) * dim))
    together = g.concatenated([*features, *([] if beside is None else [beside])])
    if "scale" in w:
        return _members_dense(g, s, w, together)
    output: Value = together @ w["kernel"] + w["bias"]
    return output


def _members_dense(_g: Graph, _s: Settings, w: Weights, x: Value) -> Value:
    output: Value = (x.with_axis(1) * w["scale"].T) @ w["kernel"] + w["bias"]
    return output


def _einsum_dense(g: Graph, _s: Settings, w: Weights, x: Value) -> Value:
    product: Value = g.op("Einsum", x, w["kernel"], equation="bmi,miu->bmu") + w["bias"]
    return product


def _value_and_flag(g: Graph, _s: Settings, _w: Weights, values: Value) -> Value:
    missing = g.op("IsNaN", values)
    return g.concatenated([g.where(missing, 0, values), missing.cast("float32")])


def _padded(columns: Any) -> Any:
    """Return ragged columns as an array padded with NaN, which no value equals or exceeds."""
    longest = max(1, *map(len, columns))  # not every runtime supports sums over empty axes
    return np.array([[*column, *[np.nan] * (longest - len(column))] for column in columns], np.float32)


def _quantile_bins(g: Graph, s: Settings, _w: Weights, values: Value) -> Value:
    reached = g.op("GreaterOrEqual", values.with_axis(-1), _padded(s["edges"])).cast("int32")
    place = g.op("ReduceSum", reached, np.array([-1]), keepdims=0) + np.array(1, np.int32)
    return g.where(g.op("IsNaN", values), np.array(0, np.int32), place)


def _value_codes(g: Graph, s: Settings, _w: Weights, values: Value) -> Value:
    known = _padded(s["known"])
    same = g.op("Equal", values.with_axis(-1), known).cast("int32")
    return g.op("ReduceSum", same * np.arange(1, known.shape[1] + 1, dtype=np.int32), np.array([-1]), keepdims=0)


def _number_embedding(g: Graph, w: Weights, missing: Value, features: Value) -> Value:
    embedded = g.op("Relu", g.op("Einsum", features, w["kernel"], equation="bcf,cfd->bcd") + w["bias"])
    embedded = g.where(missing.with_axis(-1), w["missing"], embedded)
    return embedded.reshaped(0, w["kernel"].shape[0] * w["kernel"].shape[2])


def _periodic_embedding(g: Graph, _s: Settings, w: Weights, values: Value) -> Value:
    missing = g.op("IsNaN", values)
    angles = g.where(missing, 0, values).with_axis(-1) * (np.float32(2 * np.pi) * w["frequency"])
    return _number_embedding(g, w, missing, g.concatenated([g.op("Sin", angles), g.op("Cos", angles)]))


def _piecewise_embedding(g: Graph, _s: Settings, w: Weights, values: Value) -> Value:
    missing = g.op("IsNaN", values)
    shares = (g.where(missing, 0, values).with_axis(-1) - w["starts"]) / w["widths"]
    return _number_embedding(g, w, missing, g.op("Min", g.op("Max", shares, w["low"]), w["high"]))


LAYERS: dict[str, Callable[..., Any]] = {
    "Activation": lambda g, s, _w, x: bent(g, s["activation"], x),
    "Add": lambda _g, _s, _w, parts: _summed(parts),
    "AttendingLSTM": _attending_lstm,
    "Attention": _attention,
    "Average": lambda _g, _s, _w, parts: _summed(parts) / len(parts),
    "BatchNormalization": _batch_normalization,
    "Bidirectional": _bidirectional,
    "Concatenate": lambda g, s, _w, parts: g.concatenated(parts, axis=s["axis"]),
    "Counter": lambda _g, _s, _w, number, words: number + words.size(1).cast("int32"),
    "DecoderBlock": _decoder_block,
    "Dense": _dense,
    "Dropout": lambda _g, _s, _w, x: x,
    "EinsumDense": _einsum_dense,
    "Embedding": lambda g, _s, w, numbers: g.value(w["embeddings"]).rows(numbers),
    "EmbeddingDense": _embedding_dense,
    "EncoderBlock": _encoder_block,
    "GRU": _recurrent,
    "GlobalAveragePooling1D": lambda g, _s, _w, x: g.op("ReduceMean", x, np.array([1]), keepdims=0),
    "LSTM": _recurrent,
    "LayerNormalization": lambda g, s, w, x: _normalised(g, w, s["epsilon"], x),
    "MembersDense": _members_dense,
    "NotPadding": _not_padding,
    "Nothing": _nothing,
    "OneHot": _one_hot,
    "PeriodicEmbedding": _periodic_embedding,
    "PiecewiseEmbedding": _piecewise_embedding,
    "Positions": _positions,
    "QuantileBins": _quantile_bins,
    "Rescaling": lambda _g, s, _w, x: x * s["scale"] + s["offset"],
    "ReversibleEmbedding": _reversible_embedding,
    "TargetStatistics": _target_statistics,
    "ValueAndFlag": _value_and_flag,
    "ValueCodes": _value_codes,
}
