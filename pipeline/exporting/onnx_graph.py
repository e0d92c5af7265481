"""A builder for graphs of ONNX operators, with NumPy-like expressions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

OPSET = 18
TYPES = {"int32": TensorProto.INT32, "float32": TensorProto.FLOAT, "bool": TensorProto.BOOL}


@dataclass(frozen=True, eq=False)
class Value:
    """The output of an operator or a constant, by its name within a graph."""

    graph: Graph
    name: str

    def __add__(self, other: Any) -> Value:
        return self.graph.op("Add", self, other)

    def __sub__(self, other: Any) -> Value:
        return self.graph.op("Sub", self, other)

    def __rsub__(self, other: Any) -> Value:
        return self.graph.op("Sub", other, self)

    def __mul__(self, other: Any) -> Value:
        return self.graph.op("Mul", self, other)

    def __truediv__(self, other: Any) -> Value:
        return self.graph.op("Div", self, other)

    def __matmul__(self, other: Any) -> Value:
        return self.graph.op("MatMul", self, other)

    def __neg__(self) -> Value:
        return self.graph.op("Neg", self)

    def cast(self, kind: str) -> Value:
        """Convert to another type, a key of `TYPES`."""
        return self.graph.op("Cast", self, to=TYPES[kind])

    def transposed(self, *axes: int) -> Value:
        """Permute the axes."""
        return self.graph.op("Transpose", self, perm=list(axes))

    def reshaped(self, *shape: int) -> Value:
        """Change the shape; 0 keeps the length of an axis, -1 infers it."""
        return self.graph.op("Reshape", self, np.array(shape))

    def with_axis(self, axis: int) -> Value:
        """Insert an axis of length 1."""
        return self.graph.op("Unsqueeze", self, np.array([axis]))

    def without_axis(self, axis: int) -> Value:
        """Remove an axis of length 1."""
        return self.graph.op("Squeeze", self, np.array([axis]))

    def size(self, axis: int) -> Value:
        """Return the length of an axis, int64, shape (1,)."""
        return self.graph.op("Shape", self, start=axis, end=axis + 1)

    def rows(self, numbers: Any, axis: int = 0) -> Value:
        """Gather along an axis."""
        return self.graph.op("Gather", self, numbers, axis=axis)

    def parts(self, count: int, axis: int = -1) -> list[Value]:
        """Split into equal parts."""
        return self.graph.several("Split", count, self, axis=axis, num_outputs=count)


class Graph:
    """Operators in order, and their constants.

    Args:
        outer: The enclosing graph if this graph is the body of a loop; values of the outer graph can be used, and
            constants are stored there.
    """

    def __init__(self, outer: Graph | None = None) -> None:
        self._outer = outer
        self._nodes: list[onnx.NodeProto] = []
        self._constants: dict[tuple[str, tuple[int, ...], bytes], onnx.TensorProto] = {}
        self._count = 0

    def op(self, kind: str, *inputs: Any, **attributes: Any) -> Value:
        """Add an operator with one output; None omits an optional input."""
        (result,) = self.several(kind, 1, *inputs, **attributes)
        return result

    def several(self, kind: str, outputs: int, *inputs: Any, **attributes: Any) -> list[Value]:
        """Add an operator with several outputs."""
        names = ["" if value is None else self.value(value).name for value in inputs]
        results = [Value(self, self._name(kind)) for _ in range(outputs)]
        self._nodes.append(helper.make_node(kind, names, [result.name for result in results], **attributes))
        return results

    def value(self, content: Any) -> Value:
        """Return a value unchanged, anything else as a constant; scalars become float32, int arrays keep their type."""
        if isinstance(content, Value):
            return content
        if self._outer is not None:
            return self._outer.value(content)
        array = np.float32(content) if isinstance(content, int | float) else np.asarray(content)
        array = array.astype(np.float32) if array.dtype == np.float64 else array
        # Networks of one training share weights; equal constants are stored once.
        key = str(array.dtype), array.shape, array.tobytes()
        if key not in self._constants:
            self._constants[key] = numpy_helper.from_array(
                np.ascontiguousarray(array), f"constant_{len(self._constants)}"
            )
        return Value(self, self._constants[key].name)

    def where(self, condition: Value, yes: Any, no: Any) -> Value:
        """Select elements by a condition."""
        return self.op("Where", condition, yes, no)

    def concatenated(self, parts: Sequence[Any], axis: int = -1) -> Value:
        """Join along an axis."""
        return self.op("Concat", *parts, axis=axis) if len(parts) > 1 else self.value(parts[0])

    def scanned(
        self, step: Callable[..., tuple[Sequence[Value], Sequence[Value]]], state: Sequence[Value], sequence: Value
    ) -> tuple[list[Value], list[Value]]:
        """Run a step over the first axis of a sequence.

        Args:
            step: Function from the graph of the body, the state and one element of the sequence to the next state and
                the outputs.
            state: The state before the first step.
            sequence: The sequence, shape (steps, …).

        Returns:
            The last state, and the outputs, shape (steps, …) each.
        """
        body = Graph(outer=self)
        names = [body._name("state") for _ in state]
        now = body._name("now")
        after, outputs = step(body, *(Value(body, name) for name in names), Value(body, now))
        ends = [body.op("Identity", value) for value in (*after, *outputs)]
        infos = [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in (*names, now)]
        end_infos = [helper.make_tensor_value_info(end.name, TensorProto.FLOAT, None) for end in ends]
        graph = helper.make_graph(body._nodes, self._name("body"), infos, end_infos)
        results = self.several("Scan", len(ends), *state, sequence, body=graph, num_scan_inputs=1)
        return results[: len(after)], results[len(after) :]

    def model(self, inputs: dict[str, tuple[str, list[Any]]], outputs: dict[str, Value]) -> onnx.ModelProto:
        """Return the finished ONNX model.

        Args:
            inputs: The type and shape of each input by name; axes of variable length have a name instead of a length.
            outputs: The outputs by name.
        """
        nodes = [*self._nodes, *(helper.make_node("Identity", [v.name], [name]) for name, v in outputs.items())]
        infos = [helper.make_tensor_value_info(name, TYPES[kind], shape) for name, (kind, shape) in inputs.items()]
        ends = [helper.make_empty_tensor_value_info(name) for name in outputs]
        graph = helper.make_graph(nodes, "network", infos, ends, list(self._constants.values()))
        opset = [helper.make_opsetid("", OPSET)]
        model = helper.make_model(graph, opset_imports=opset, producer_name="onehot", ir_version=9)
        # Infers the types and shapes of the outputs.
        return onnx.shape_inference.infer_shapes(model, check_type=True, strict_mode=True)

    def _name(self, kind: str) -> str:
        if self._outer is not None:
            return self._outer._name(kind)
        self._count += 1
        return f"{kind.lower()}_{self._count}"
