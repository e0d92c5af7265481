"""All uses of non-public Keras interfaces in one place; pyproject.toml limits the Keras version because of them.

Keras has no public way to walk the graph of a functional model or the layers within layers. A test compares each
function with its expected result, so that a new version of Keras that changes them fails there and not in an export.
"""

from collections.abc import Iterator
from typing import Any

import keras


def uses_of(layer: keras.layers.Layer, model: keras.Model) -> list[Any]:
    """Return the nodes of a layer that belong to a functional model, in the order of the calls."""
    # Same test as in Keras' plot_model: a layer may be part of other models, too.
    return [node for i, node in enumerate(layer._inbound_nodes) if f"{id(layer)}_ib-{i}" in model._nodes]


def origin_of(tensor: keras.KerasTensor) -> tuple[Any, int]:
    """Return the node that produces a symbolic tensor, and the index of the output."""
    layer, use, output = tensor._keras_history
    return layer._inbound_nodes[use], output


def outputs_of(model: keras.Model) -> Any:
    """Return the outputs of a functional model in their original structure, for example a dictionary."""
    return model._outputs_struct


def inner_layers(layer: keras.layers.Layer) -> Iterator[keras.layers.Layer]:
    """Yield the layers within a layer or model, at any depth."""
    yield from layer._flatten_layers(include_self=False)
