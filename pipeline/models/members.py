"""Several networks of one shape whose outputs are averaged."""

from collections.abc import Sequence

import keras


def averaged(networks: Sequence[keras.Model], name: str) -> keras.Model:
    """Put networks side by side that take the same input; the output is the mean of theirs.

    Source: Lakshminarayanan, Pritzel, Blundell: Simple and Scalable Predictive Uncertainty Estimation using Deep
    Ensembles (2017).

    Args:
        networks: Each with a name of its own.
        name: Of the whole.
    """
    inputs = {
        tensor.name: keras.Input(tensor.shape[1:], dtype=tensor.dtype, name=tensor.name)
        for tensor in networks[0].inputs
    }
    mean = keras.layers.Average(name="average", dtype="float32")([network(inputs) for network in networks])
    return keras.Model(inputs, mean, name=name)


def shown_of(model: keras.Model) -> list[keras.Model]:
    """Return what a summary or a picture shows: the network, and of several side by side the first besides."""
    found = [model]
    while (inner := members_of(found[-1])[0]) is not found[-1]:
        found.append(inner)
    return found


def members_of(model: keras.Model) -> list[keras.Model]:
    """Return the networks that learn on their own: those that `averaged` put together, else the network itself."""
    return [layer for layer in model.layers if isinstance(layer, keras.Model)] or [model]
