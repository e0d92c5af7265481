"""Run networks with NumPy and the standard library only. This folder can be copied and used on its own.

A network is a graph in JSON with inputs by name, nodes (each a layer with settings, weights and arguments) and outputs.
The weights are in a separate `.npz` file.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .layers import LAYERS

INPUT_TYPES = {"int32": np.int32, "float32": np.float32, "bool": np.bool_}


class Network:
    """A network that NumPy runs.

    Args:
        graph: The graph, as written by `pipeline.exporting`.
        weights: The weights by name.
    """

    def __init__(self, graph: dict[str, Any], weights: dict[str, Any]) -> None:
        self.inputs: dict[str, str] = graph["inputs"]
        self._outputs = graph["outputs"]
        self._nodes = [_Node(node, weights) for node in graph["nodes"]]

    def __call__(self, **inputs: Any) -> Any:
        """Return the outputs.

        Args:
            inputs: The inputs by name, shape (batch, …) each.

        Returns:
            An array, or arrays by name.

        Raises:
            ValueError: An input is missing or unknown.
        """
        if set(inputs) != set(self.inputs):
            raise ValueError(f"the network takes {', '.join(self.inputs)}; received {', '.join(inputs) or 'nothing'}")
        values: dict[str, list[Any]] = {
            name: [np.asarray(array, INPUT_TYPES[self.inputs[name]])] for name, array in inputs.items()
        }
        # No warnings for overflow, as in other frameworks.
        with np.errstate(over="ignore", invalid="ignore"):
            for node in self._nodes:
                values[node.name] = node(values)
        return filled(self._outputs, values)


class _Node:
    def __init__(self, content: dict[str, Any], weights: dict[str, Any]) -> None:
        self.name: str = content["name"]
        self._args, self._kwargs = content["args"], content["kwargs"]
        if "graph" in content:
            self._network: Network | None = Network(content["graph"], weights)
            return
        self._network = None
        self._layer, self._settings = LAYERS[content["layer"]], content["settings"]
        self._weights = {role: weights[name] for role, name in content["weights"].items()}

    def __call__(self, values: dict[str, list[Any]]) -> list[Any]:
        args = [filled(argument, values) for argument in self._args]
        if self._network is not None:
            (inputs,) = args
            output = self._network(**inputs)
        else:
            kwargs = {name: filled(argument, values) for name, argument in self._kwargs.items()}
            output = self._layer(self._settings, self._weights, *args, **kwargs)
        return output if isinstance(output, list) else [output]


def filled(content: Any, values: dict[str, list[Any]]) -> Any:
    """Return the content with each reference `{"node": NAME, "output": NUMBER}` replaced by its value."""
    if isinstance(content, dict):
        if set(content) == {"node", "output"}:
            return values[content["node"]][content["output"]]
        return {name: filled(value, values) for name, value in content.items()}
    if isinstance(content, list):
        return [filled(item, values) for item in content]
    return content
