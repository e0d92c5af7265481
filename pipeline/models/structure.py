"""The structure of a network: its layers with shapes, parameters and parents."""

from dataclasses import dataclass
from math import prod
from typing import Any

import keras

from pipeline.models.embedding import EmbeddingDense
from pipeline.models.keras_internals import uses_of
from pipeline.models.members import shown_of


@dataclass(frozen=True)
class Part:
    """A layer, or a network within the network.

    Attributes:
        name: The name of the layer; the second use of a layer is `NAME:2`.
        kind: The class of the layer.
        shapes: The input and output shapes; `n` is the number of rows.
        parameters: The number of parameters.
        parents: The layers whose outputs are the inputs.
    """

    name: str
    kind: str
    shapes: str
    parameters: int
    parents: list[str]

    @property
    def lines(self) -> tuple[str, str]:
        """The two lines of its box in a plot."""
        count = f", {self.parameters:,} parameters" if self.parameters else ""
        return f"{self.name}: {self.kind}", f"{self.shapes}{count}"


def nodes_of(model: keras.Model) -> dict[str, tuple[Any, Any]]:
    """Return (layer, Keras node) by name for each use of a layer, in topological order."""
    names: dict[int, str] = {}
    waiting: dict[str, tuple[Any, Any]] = {}
    for layer in model.layers:
        for use, node in enumerate(uses_of(layer, model), start=1):
            names[id(node)] = layer.name if use == 1 else f"{layer.name}:{use}"
            waiting[names[id(node)]] = layer, node
    nodes: dict[str, tuple[Any, Any]] = {}
    while waiting:
        name = next(n for n, (_, node) in waiting.items() if all(names[id(p)] in nodes for p in node.parent_nodes))
        nodes[name] = waiting.pop(name)
    return nodes


def parts_of(model: keras.Model) -> list[Part]:
    """Return the layers of a network, each after its parents; shared weights count at the first use only."""
    nodes = nodes_of(model)
    names = {id(node): name for name, (_, node) in nodes.items()}
    return [
        Part(
            name,
            _kind(layer),
            _shapes(layer, node),
            layer.count_params() if name == layer.name else 0,
            list(dict.fromkeys(names[id(parent)] for parent in node.parent_nodes)),
        )
        for name, (layer, node) in nodes.items()
    ]


def summary(model: keras.Model) -> str:
    """Return a table of the layers; for an ensemble, of the ensemble and of its first member."""
    lines = []
    for network in shown_of(model):
        rows = [("layer", "kind", "shapes", "parameters", "after")] + [
            (part.name, part.kind, part.shapes, f"{part.parameters:,}", ", ".join(part.parents))
            for part in parts_of(network)
        ]
        widths = [max(len(row[column]) for row in rows) for column in range(5)]
        shown = [
            "  ".join(
                text.rjust(width) if column == 3 else text.ljust(width)
                for column, (text, width) in enumerate(zip(row, widths, strict=True))
            ).rstrip()
            for row in rows
        ]
        frozen = sum(prod(weight.shape) for weight in network.non_trainable_weights)
        note = f", {frozen:,} of them non-trainable statistics" if frozen else ""
        lines += [f"{network.name}: {network.count_params():,} parameters{note}", *shown, ""]
    return "\n".join(lines)


def _kind(layer: keras.layers.Layer) -> str:
    if isinstance(layer, keras.Model):
        return "network"
    if isinstance(layer, EmbeddingDense):
        smallest, largest = min(layer.dims), max(layer.dims)
        width = str(largest) if smallest == largest else f"{smallest} to {largest}"
        return f"EmbeddingDense, {len(layer.dims)} embeddings of {width}"
    if isinstance(layer, keras.layers.Activation):
        return f"Activation, {layer.activation.__name__}"
    return type(layer).__name__


def _shapes(layer: keras.layers.Layer, node: Any) -> str:
    outputs = ", ".join(_shape(tensor) for tensor in node.outputs)
    if isinstance(layer, keras.layers.InputLayer):
        return outputs
    return f"{', '.join(_shape(tensor) for tensor in node.input_tensors)} → {outputs}"


def _shape(tensor: keras.KerasTensor) -> str:
    return " × ".join("n" if size is None else f"{size:,}" for size in tensor.shape)
