"""Convert a Keras network to the graph that `pipeline/portable/runtime.py` runs."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import keras
import numpy as np
import numpy.typing as npt

from pipeline.exporting.errors import ExportError
from pipeline.models import EmbeddingDense
from pipeline.models.keras_internals import inner_layers, origin_of, outputs_of
from pipeline.models.members import EQUATION
from pipeline.models.structure import nodes_of
from pipeline.portable.activations import ACTIVATIONS
from pipeline.portable.layers import LAYERS

Arrays = dict[str, npt.NDArray[Any]]
Described = tuple[dict[str, Any], dict[str, Any]]
"""Settings and weights of a layer, in the form that the runtime expects."""


def graph_of(model: keras.Model, prefix: str = "") -> tuple[dict[str, Any], Arrays]:
    """Return the graph of a network as JSON, and its weights by name.

    Args:
        model: The network, a functional model; an ensemble is converted as one network.
        prefix: The prefix of the weight names.

    Raises:
        ExportError: The runtime does not support a layer or one of its settings.
    """
    uses = nodes_of(model)
    names = {id(node): name for name, (_, node) in uses.items()}
    nodes: list[dict[str, Any]] = []
    arrays: Arrays = {}
    described: dict[int, dict[str, Any]] = {}
    for name, (layer, node) in uses.items():
        if isinstance(layer, keras.layers.InputLayer):
            continue
        if id(layer) not in described:
            described[id(layer)] = _described(layer, f"{prefix}{layer.name}/", arrays)
        arguments = node.arguments
        kwargs = {key: value for key, value in arguments.kwargs.items() if key != "training" and value is not None}
        nodes.append(
            {
                "name": name,
                **described[id(layer)],
                "args": [_references(argument, names) for argument in _without_trailing_nones(arguments.args)],
                "kwargs": {key: _references(value, names) for key, value in kwargs.items()},
            }
        )
    inputs = {tensor.name: str(keras.backend.standardize_dtype(tensor.dtype)) for tensor in model.inputs}
    return {"inputs": inputs, "nodes": nodes, "outputs": _references(outputs_of(model), names)}, arrays


def _without_trailing_nones(arguments: Sequence[Any]) -> Sequence[Any]:
    """Return the arguments without trailing Nones; a None before another argument stays."""
    count = max((number for number, value in enumerate(arguments, start=1) if value is not None), default=0)
    return arguments[:count]


def _references(content: Any, names: Mapping[int, str]) -> Any:
    """Return the content with each tensor replaced by a reference to its node and output."""
    if isinstance(content, keras.KerasTensor):
        node, output = origin_of(content)
        return {"node": names[id(node)], "output": output}
    if isinstance(content, dict):
        return {name: _references(value, names) for name, value in content.items()}
    if isinstance(content, list | tuple):
        return [_references(item, names) for item in content]
    return content


def _described(layer: keras.layers.Layer, prefix: str, arrays: Arrays) -> dict[str, Any]:
    if isinstance(layer, keras.Model):
        graph, inner = graph_of(layer, prefix)
        arrays.update(inner)
        return {"graph": graph}
    kind = "LSTM" if isinstance(layer, keras.layers.LSTM) else type(layer).__name__
    if kind not in DESCRIBED or kind not in LAYERS:
        raise ExportError(
            f"layer {layer.name}: the NumPy runtime does not support {type(layer).__name__}; it supports "
            f"{', '.join(sorted(LAYERS))}. Set export.formats=[] to continue without an export"
        )
    settings, weights = DESCRIBED[kind](layer)
    for key in ("activation", "recurrent_activation"):
        if key in settings and settings[key] not in ACTIVATIONS:
            raise ExportError(
                f"layer {layer.name}: the NumPy runtime does not support {key.replace('_', ' ')} {settings[key]!r}; it "
                f"supports {', '.join(sorted(ACTIVATIONS))}"
            )
    for role, weight in weights.items():
        arrays[f"{prefix}{role}"] = np.asarray(weight, np.float32)
    return {"layer": kind, "settings": settings, "weights": {role: f"{prefix}{role}" for role in weights}}


def _activation(function: Any) -> str:
    name = keras.activations.serialize(function)
    return name if isinstance(name, str) else str(getattr(function, "__name__", name))


def _held(layer: keras.layers.Layer, *roles: str, prefix: str = "") -> dict[str, Any]:
    """Return the weights of a layer that exist, by role."""
    weights = {f"{prefix}{role}": getattr(layer, role, None) for role in roles}
    return {role: weight for role, weight in weights.items() if weight is not None}


def _dense(layer: Any) -> Described:
    return {"activation": _activation(layer.activation)}, _held(layer, "kernel", "bias")


def _embedding(layer: Any) -> Described:
    if layer.mask_zero:
        raise ExportError(
            f"layer {layer.name}: the NumPy runtime does not support mask_zero; pass the mask as an input of the layer"
        )
    return {}, {"embeddings": layer.embeddings}


def _reversible(layer: Any) -> Described:
    settings, weights = _embedding(layer)
    if layer.logit_soft_cap is not None:
        raise ExportError(f"layer {layer.name}: the NumPy runtime does not support logit_soft_cap")
    return settings, weights if layer.tie_weights else weights | {"reverse_embeddings": layer.reverse_embeddings}


def _recurrent(layer: Any) -> Described:
    if layer.stateful:
        raise ExportError(
            f"layer {layer.name}: the NumPy runtime does not support stateful layers; pass the state as an input"
        )
    cell = layer.cell
    settings = {
        "units": layer.units,
        "activation": _activation(cell.activation),
        "recurrent_activation": _activation(cell.recurrent_activation),
        "return_sequences": layer.return_sequences,
        "return_state": layer.return_state,
        "go_backwards": layer.go_backwards,
        "zero_masked": layer.zero_output_for_mask,
    }
    if isinstance(layer, keras.layers.GRU):
        settings["reset_after"] = cell.reset_after
    return settings, _held(cell, "kernel", "recurrent_kernel", "bias")


def _bidirectional(layer: Any) -> Described:
    if layer.merge_mode != "concat":
        raise ExportError(
            f"layer {layer.name}: the NumPy runtime supports merge_mode 'concat', not {layer.merge_mode!r}"
        )
    kinds = [kind for kind in ("LSTM", "GRU") if isinstance(layer.forward_layer, getattr(keras.layers, kind))]
    if not kinds:
        raise ExportError(f"layer {layer.name}: the NumPy runtime supports Bidirectional only with LSTM or GRU")
    settings, weights = _recurrent(layer.forward_layer)
    _, backward = _recurrent(layer.backward_layer)
    both = {f"forward/{role}": weight for role, weight in weights.items()}
    both |= {f"backward/{role}": weight for role, weight in backward.items()}
    return {**settings, "layer": kinds[0]}, both


def _attending(layer: Any) -> Described:
    settings = {"units": layer.units, "activation": "tanh", "recurrent_activation": "sigmoid"}
    return settings, _held(layer.cell, "kernel", "recurrent_kernel", "bias") | _held(layer, "query_kernel", "direction")


def _positions(layer: Any) -> Described:
    table = layer.table if layer.kind == "learned" else layer.fixed
    return {"longest": layer.longest}, {"table": table}


def _layer_normalization(layer: Any) -> Described:
    if not (layer.scale and layer.center) or list(np.ravel(layer.axis)) != [-1]:
        raise ExportError(
            f"layer {layer.name}: the NumPy runtime supports LayerNormalization only over the last axis, with scale "
            "and center"
        )
    return {"epsilon": layer.epsilon}, _held(layer, "gamma", "beta")


def _batch_normalization(layer: Any) -> Described:
    if layer.axis not in (-1, len(layer.input.shape) - 1):
        raise ExportError(
            f"layer {layer.name}: the NumPy runtime supports BatchNormalization only over the last axis, not axis "
            f"{layer.axis}"
        )
    return {"epsilon": layer.epsilon}, _held(layer, "gamma", "beta", "moving_mean", "moving_variance")


def _block(layer: Any) -> Described:
    weights = {f"{part.name}/{weight.name}": weight for part in inner_layers(layer) for weight in part.weights}
    settings = {"width": layer.width, "heads": layer.heads, "epsilon": 1e-6}
    # The seed generator states of dropout layers are not weights of the network.
    return settings, {role: weight for role, weight in weights.items() if "seed" not in role}


def _embedding_dense(layer: EmbeddingDense) -> Described:
    settings = {"dims": layer.dims, "offsets": layer.offsets.tolist(), "columns": layer.columns.tolist()}
    tables = {f"table_{dim}": table for dim, table in layer.tables.items()}
    return settings, {**tables, **_held(layer, "kernel", "scale", "bias")}


def _piecewise(layer: Any) -> Described:
    grid = {"starts": layer._starts, "widths": layer._widths, "low": layer._low, "high": layer._high}
    return {}, {**_held(layer, "kernel", "bias", "missing"), **grid}


def _einsum_dense(layer: Any) -> Described:
    if layer.equation != EQUATION or _activation(layer.activation) != "linear":
        raise ExportError(
            f"layer {layer.name}: the NumPy runtime supports EinsumDense only as {EQUATION} without activation, not "
            f"{layer.equation}"
        )
    return {}, _held(layer, "kernel", "bias")


def _pooling(layer: Any) -> Described:
    if layer.data_format != "channels_last" or layer.keepdims:
        raise ExportError(
            f"layer {layer.name}: the NumPy runtime supports GlobalAveragePooling1D only with channels_last, without "
            "keepdims"
        )
    return {}, {}


def _no_settings(_layer: Any) -> Described:
    return {}, {}


DESCRIBED: dict[str, Callable[[Any], Described]] = {
    "Activation": lambda layer: ({"activation": _activation(layer.activation)}, {}),
    "Add": _no_settings,
    "AttendingLSTM": _attending,
    "Attention": lambda layer: ({}, _held(layer, "kernel")),
    "Average": _no_settings,
    "BatchNormalization": _batch_normalization,
    "Bidirectional": _bidirectional,
    "Concatenate": lambda layer: ({"axis": layer.axis}, {}),
    "Counter": _no_settings,
    "DecoderBlock": _block,
    "Dense": _dense,
    "Dropout": _no_settings,
    "EinsumDense": _einsum_dense,
    "Embedding": _embedding,
    "EmbeddingDense": _embedding_dense,
    "EncoderBlock": _block,
    "GRU": _recurrent,
    "GlobalAveragePooling1D": _pooling,
    "LSTM": _recurrent,
    "LayerNormalization": _layer_normalization,
    "MembersDense": lambda layer: ({}, _held(layer, "kernel", "scale", "bias")),
    "NotPadding": _no_settings,
    "Nothing": lambda layer: ({"width": layer.width}, {}),
    "OneHot": lambda layer: ({"size": layer.size}, {}),
    "PeriodicEmbedding": lambda layer: ({}, _held(layer, "kernel", "bias", "missing", "frequency")),
    "PiecewiseEmbedding": _piecewise,
    "Positions": _positions,
    "QuantileBins": lambda layer: ({"edges": layer.edges}, {}),
    "Rescaling": lambda layer: ({"scale": float(layer.scale), "offset": float(layer.offset)}, {}),
    "ReversibleEmbedding": _reversible,
    "TargetStatistics": lambda layer: ({"offsets": layer.offsets.tolist()}, _held(layer, "table")),
    "ValueAndFlag": _no_settings,
    "ValueCodes": lambda layer: ({"known": layer.known}, {}),
}
