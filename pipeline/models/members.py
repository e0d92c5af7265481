"""Several networks of one shape whose outputs are averaged."""

from collections.abc import Callable

import keras


def averaged(build: Callable[[str], keras.Model], members: int, name: str) -> keras.Model:
    """Build one network, or several side by side that take the same input; their output is the mean of theirs.

    Each draws initial weights and dropout of its own. Source: Lakshminarayanan, Pritzel, Blundell: Simple and Scalable
    Predictive Uncertainty Estimation using Deep Ensembles (2017).

    Args:
        build: Makes a network of the given name.
        members: How many.
        name: Of the whole.
    """
    if members == 1:
        return build(name)
    networks = [build(f"member_{number}") for number in range(1, members + 1)]
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
