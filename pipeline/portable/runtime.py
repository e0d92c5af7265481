"""Runs networks without a framework: NumPy and the standard library. This folder can be copied out and used alone.

A network is a graph, as JSON: inputs by name; nodes, each a layer with settings, weights and what it is called with;
outputs. Weights stand in an `.npz` beside it.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .layers import LAYERS

INPUT_TYPES = {"int32": np.int32, "float32": np.float32, "bool": np.bool_}


class Network:
    """A network.

    Args:
        graph: As `pipeline.exporting` wrote it.
        weights: Arrays by name.
    """

    def __init__(self, graph: dict[str, Any], weights: dict[str, Any]) -> None:
        self.inputs: dict[str, str] = graph["inputs"]
        self._outputs = graph["outputs"]
        self._nodes = [_Node(node, weights) for node in graph["nodes"]]

    def __call__(self, **inputs: Any) -> Any:
        """Compute the outputs.

        Args:
            inputs: By name, arrays whose first axis is the batch.

        Returns:
            An array, or arrays by name.

        Raises:
            ValueError: An input is missing, or there is none of that name.
        """
        if set(inputs) != set(self.inputs):
            raise ValueError(f"the network takes {', '.join(self.inputs)}; received {', '.join(inputs) or 'nothing'}")
        found: dict[str, list[Any]] = {
            name: [np.asarray(array, INPUT_TYPES[self.inputs[name]])] for name, array in inputs.items()
        }
        # What becomes infinite is as silent as in other frameworks.
        with np.errstate(over="ignore", invalid="ignore"):
            for node in self._nodes:
                found[node.name] = node(found)
        return filled(self._outputs, found)


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

    def __call__(self, found: dict[str, list[Any]]) -> list[Any]:
        args = [filled(each, found) for each in self._args]
        if self._network is not None:
            (inputs,) = args
            output = self._network(**inputs)
        else:
            kwargs = {name: filled(each, found) for name, each in self._kwargs.items()}
            output = self._layer(self._settings, self._weights, *args, **kwargs)
        return output if isinstance(output, list) else [output]


def filled(content: Any, found: dict[str, list[Any]]) -> Any:
    """Put values where their places are named: `{"node": NAME, "output": NUMBER}`."""
    if isinstance(content, dict):
        if set(content) == {"node", "output"}:
            return found[content["node"]][content["output"]]
        return {name: filled(each, found) for name, each in content.items()}
    if isinstance(content, list):
        return [filled(each, found) for each in content]
    return content
