"""Ensembles: several networks of the same shape whose outputs are averaged, or one network with several members."""

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

EQUATION = "bmi,miu->bmu"
"""A dense layer per member, as an EinsumDense: batch, members, inputs; members, inputs, units."""
MEAN = "mean_of_members"
"""Name of the layer that averages the outputs of members that share weights."""


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


def random_signs(shape: Any, dtype: Any = None) -> Any:
    """Return an initial weight of -1 and 1: members that begin alike would stay alike."""
    return ops.cast(2 * keras.random.randint(shape, 0, 2) - 1, dtype or "float32")


@keras.saving.register_keras_serializable(package="onehot")
class MembersDense(keras.layers.Layer):
    """A dense layer without activation for the members of an ensemble, which share its kernel.

    Each member has its own factor for each input and its own biases, as in `EmbeddingDense`. Input: shape
    (batch, features). Output: shape (batch, members, units).

    Args:
        members: The number of members.
        units: The width of the output.
    """

    def __init__(self, members: int, units: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.members, self.units = members, units

    def build(self, shape: Any) -> None:
        """Create the kernel, the factors and the biases."""
        self.kernel = self.add_weight(shape=(shape[-1], self.units), initializer="glorot_uniform", name="kernel")
        self.scale = self.add_weight(shape=(shape[-1], self.members), initializer=random_signs, name="scale")
        self.bias = self.add_weight(shape=(self.members, self.units), initializer="uniform", name="bias")
        self.built = True

    def call(self, inputs: Any) -> Any:
        """Return the members' outputs."""
        scaled = ops.expand_dims(inputs, 1) * ops.transpose(self.scale)
        return ops.matmul(scaled, self.kernel) + self.bias

    def get_config(self) -> dict[str, Any]:
        """Return the configuration for `from_config`."""
        return {**super().get_config(), "members": self.members, "units": self.units}


def mean_of_members(outputs: keras.KerasTensor) -> keras.KerasTensor:
    """Return the mean of the members' outputs: shape (batch, members, units) → (batch, units)."""
    return keras.layers.GlobalAveragePooling1D(name=MEAN, dtype="float32")(outputs)


def before_mean(model: keras.Model) -> keras.Model:
    """Return the part of a network that outputs each member's prediction, shape (batch, members, units).

    Each member is trained by its own loss: the loss of the mean would let them make up for each other's errors.
    Without members that share weights, it is the network itself.
    """
    if not any(layer.name == MEAN for layer in model.layers):
        return model
    return keras.Model(model.inputs, model.get_layer(MEAN).input, name=model.name)


def shown_of(model: keras.Model) -> list[keras.Model]:
    """Return the networks that a summary or a plot shows: the network and, for an ensemble, its first member."""
    networks = [model]
    while (inner := members_of(networks[-1])[0]) is not networks[-1]:
        networks.append(inner)
    return networks


def members_of(model: keras.Model) -> list[keras.Model]:
    """Return the members of an ensemble made by `averaged`; for any other network, the network itself."""
    return [layer for layer in model.layers if isinstance(layer, keras.Model)] or [model]
