"""Convert a network to ONNX, for batches of any size and sequences of any length."""

from collections.abc import Mapping
from typing import Any

import keras
import onnx

from pipeline.exporting.errors import ExportError
from pipeline.exporting.graph import graph_of
from pipeline.exporting.onnx_graph import Graph, Value
from pipeline.exporting.onnx_layers import LAYERS
from pipeline.portable.external_runtime import NEXT
from pipeline.portable.runtime import filled


def to_onnx(model: keras.Model) -> onnx.ModelProto:
    """Return a network as an ONNX model; an output that continues the input NAME is called `next_NAME`.

    Raises:
        ExportError: ONNX's operators do not support a layer or one of its settings.
    """
    described, arrays = graph_of(model)
    graph = Graph()
    outputs = _network(graph, described, arrays, {name: Value(graph, name) for name in described["inputs"]})
    named = outputs if isinstance(outputs, dict) else {"output": outputs}
    inputs = {tensor.name: (described["inputs"][tensor.name], _shape(tensor)) for tensor in model.inputs}
    return graph.model(inputs, {f"{NEXT}{n}" if n in inputs else n: value for n, value in named.items()})


def _shape(tensor: Any) -> list[Any]:
    return ["batch", *(f"{tensor.name}_{axis}" if n is None else n for axis, n in enumerate(tensor.shape[1:], 1))]


def _network(graph: Graph, described: Mapping[str, Any], arrays: Mapping[str, Any], inputs: Mapping[str, Value]) -> Any:
    values: dict[str, list[Any]] = {name: [value] for name, value in inputs.items()}
    for node in described["nodes"]:
        args = [filled(argument, values) for argument in node["args"]]
        if "graph" in node:
            output = _network(graph, node["graph"], arrays, *args)
        else:
            if node["layer"] not in LAYERS:
                raise ExportError(
                    f"layer {node['name']}: the ONNX export does not support {node['layer']}; use the format numpy"
                )
            weights = {role: arrays[name] for role, name in node["weights"].items()}
            kwargs = {name: filled(argument, values) for name, argument in node["kwargs"].items()}
            output = LAYERS[node["layer"]](graph, node["settings"], weights, *args, **kwargs)
        values[node["name"]] = output if isinstance(output, list) else [output]
    return filled(described["outputs"], values)
