"""Store the weights of an ONNX network in fewer bits; computations stay in float32."""

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, helper, numpy_helper

SMALL = 512
"""Weights with at most this many numbers stay unchanged."""
SHARED = 8
"""Smallest count of numbers that share a scale; with fewer, the scales would take the space that is saved."""
WEIGHED = {"Einsum", "GRU", "Gather", "LSTM", "MatMul", "Transpose"}
"""Operators whose constants are weights; other operators only compare or add their constants."""
Array = npt.NDArray[np.float32]


def reduced(model: onnx.ModelProto, kind: str) -> onnx.ModelProto:
    """Return the network with weights as `float16`, or as `int8` with one scale per row or column.

    A runtime converts them to float32 when it loads the network or when it uses them.
    """
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    graph = copy.graph
    weights, nodes, weighed = list(graph.initializer), list(graph.node), _weighed(graph)
    del graph.initializer[:], graph.node[:]
    for weight in weights:
        array = numpy_helper.to_array(weight)
        is_weight = weight.name in weighed and weight.data_type == TensorProto.FLOAT and array.ndim > 1
        if not is_weight or array.size <= SMALL or (kind == "int8" and not _axes(array)):
            graph.initializer.append(weight)
        elif kind == "float16":
            short = np.clip(array, *(np.finfo(np.float16).min, np.finfo(np.float16).max)).astype(np.float16)
            graph.initializer.append(numpy_helper.from_array(short, f"{weight.name}_short"))
            graph.node.append(helper.make_node("Cast", [f"{weight.name}_short"], [weight.name], to=TensorProto.FLOAT))
        else:
            codes, scale, axis = _quantised(array)
            graph.initializer.append(numpy_helper.from_array(codes, f"{weight.name}_short"))
            graph.initializer.append(numpy_helper.from_array(scale, f"{weight.name}_scale"))
            names = [f"{weight.name}_short", f"{weight.name}_scale"]
            graph.node.append(helper.make_node("DequantizeLinear", names, [weight.name], axis=axis))
    graph.node.extend(nodes)
    return copy


def _weighed(graph: onnx.GraphProto) -> set[str]:
    """Return the input names of all operators in `WEIGHED`, including those in the bodies of loops."""
    names: set[str] = set()
    for node in graph.node:
        if node.op_type in WEIGHED:
            names |= set(node.input)
        for attribute in node.attribute:
            if attribute.type == onnx.AttributeProto.GRAPH:
                names |= _weighed(attribute.g)
    return names


def _axes(array: Array) -> list[int]:
    return [axis for axis, size in enumerate(array.shape) if size > 1 and array.size // size >= SHARED]


def _quantised(array: Array) -> tuple[npt.NDArray[np.int8], Array, int]:
    """Return codes, scales and the axis of the scales, chosen to lose the least."""
    best = None
    for axis in _axes(array):
        others = tuple(other for other in range(array.ndim) if other != axis)
        scale = np.maximum(np.abs(array).max(axis=others, keepdims=True), 1e-30) / 127
        codes = np.rint(array / scale).astype(np.int8)
        lost = float(np.square(codes * scale - array).sum())
        if best is None or lost < best[0]:
            best = lost, codes, scale.reshape(-1).astype(np.float32), axis
    assert best is not None  # noqa: S101  (`reduced` checks that there are axes)
    return best[1:]
