"""Interfaces of Keras that are not public, all in one place; pyproject.toml bounds Keras' version for them.

Keras has no public way to walk the graph of a functional network or the layers within layers. A test compares each
function with what it must give, so that a new version of Keras that changes them fails there and not in an export.
"""

from collections.abc import Iterator
from typing import Any

import keras


def uses_of(layer: keras.layers.Layer, model: keras.Model) -> list[Any]:
    """Return the nodes of a layer that belong to a functional network, in the order of the calls."""
    # As Keras' own plots do it: a layer may be part of other networks, too.
    return [node for i, node in enumerate(layer._inbound_nodes) if f"{id(layer)}_ib-{i}" in model._nodes]


def origin_of(tensor: keras.KerasTensor) -> tuple[Any, int]:
    """Return the node that a symbolic tensor comes from, and the number of its output."""
    layer, use, output = tensor._keras_history
    return layer._inbound_nodes[use], output


def outputs_of(model: keras.Model) -> Any:
    """Return the outputs of a functional network in the structure that they were given in: a dictionary, say."""
    return model._outputs_struct


def inner_layers(layer: keras.layers.Layer) -> Iterator[keras.layers.Layer]:
    """Yield the layers within a layer or network, at any depth."""
    yield from layer._flatten_layers(include_self=False)
