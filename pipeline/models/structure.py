"""What a network consists of: its layers with shapes, parameters and what comes before each."""

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
        name: Of the layer; a layer that is used again is `NAME:2` then.
        kind: Its class.
        shapes: What goes in and comes out; `n` is the number of rows.
        parameters: Their number.
        parents: Layers whose output goes in.
    """

    name: str
    kind: str
    shapes: str
    parameters: int
    parents: list[str]

    @property
    def lines(self) -> tuple[str, str]:
        """What a picture says of it."""
        count = f", {self.parameters:,} parameters" if self.parameters else ""
        return f"{self.name}: {self.kind}", f"{self.shapes}{count}"


def nodes_of(model: keras.Model) -> dict[str, tuple[Any, Any]]:
    """Return each use of a layer, after those whose output it takes: name → layer and Keras' node of the use."""
    names: dict[int, str] = {}
    waiting: dict[str, tuple[Any, Any]] = {}
    for layer in model.layers:
        for use, node in enumerate(uses_of(layer, model), start=1):
            names[id(node)] = layer.name if use == 1 else f"{layer.name}:{use}"
            waiting[names[id(node)]] = layer, node
    found: dict[str, tuple[Any, Any]] = {}
    while waiting:
        name = next(n for n, (_, node) in waiting.items() if all(names[id(p)] in found for p in node.parent_nodes))
        found[name] = waiting.pop(name)
    return found


def parts_of(model: keras.Model) -> list[Part]:
    """Return the layers of a network, each after its parents; its weights count where it is used first."""
    found = nodes_of(model)
    names = {id(node): name for name, (_, node) in found.items()}
    return [
        Part(
            name,
            _kind(layer),
            _shapes(layer, node),
            layer.count_params() if name == layer.name else 0,
            list(dict.fromkeys(names[id(parent)] for parent in node.parent_nodes)),
        )
        for name, (layer, node) in found.items()
    ]


def summary(model: keras.Model) -> str:
    """Return a table of the layers; of several networks side by side, of the whole and of the first."""
    lines = []
    for network in shown_of(model):
        rows = [("layer", "kind", "shapes", "parameters", "after")] + [
            (part.name, part.kind, part.shapes, f"{part.parameters:,}", ", ".join(part.parents))
            for part in parts_of(network)
        ]
        widths = [max(len(row[column]) for row in rows) for column in range(5)]
        shown = [
            "  ".join(
                text.rjust(width) if place == 3 else text.ljust(width)
                for place, (text, width) in enumerate(zip(row, widths, strict=True))
            ).rstrip()
            for row in rows
        ]
        still = sum(prod(weight.shape) for weight in network.non_trainable_weights)
        apart = f", {still:,} of them statistics that are not trained" if still else ""
        lines += [f"{network.name}: {network.count_params():,} parameters{apart}", *shown, ""]
    return "\n".join(lines)


def _kind(layer: keras.layers.Layer) -> str:
    if isinstance(layer, keras.Model):
        return "network"
    if isinstance(layer, EmbeddingDense):
        least, most = min(layer.dims), max(layer.dims)
        wide = str(most) if least == most else f"{least} to {most}"
        return f"EmbeddingDense, {len(layer.dims)} embeddings of {wide}"
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
