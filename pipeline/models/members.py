"""Ensembles: several networks of the same shape whose outputs are averaged."""

from collections.abc import Sequence

import keras


def averaged(networks: Sequence[keras.Model], name: str) -> keras.Model:
    """Return an ensemble of networks with the same inputs; its output is the mean of their outputs.

    Source: Lakshminarayanan, Pritzel, Blundell: Simple and Scalable Predictive Uncertainty Estimation using Deep
    Ensembles (2017).

    Args:
        networks: The members, with distinct names.
        name: The name of the ensemble.
    """
    inputs = {
        tensor.name: keras.Input(tensor.shape[1:], dtype=tensor.dtype, name=tensor.name)
        for tensor in networks[0].inputs
    }
    mean = keras.layers.Average(name="average", dtype="float32")([network(inputs) for network in networks])
    return keras.Model(inputs, mean, name=name)


def shown_of(model: keras.Model) -> list[keras.Model]:
    """Return the networks that a summary or a plot shows: the network and, for an ensemble, its first member."""
    networks = [model]
    while (inner := members_of(networks[-1])[0]) is not networks[-1]:
        networks.append(inner)
    return networks


def members_of(model: keras.Model) -> list[keras.Model]:
    """Return the members of an ensemble made by `averaged`; for any other network, the network itself."""
    return [layer for layer in model.layers if isinstance(layer, keras.Model)] or [model]
