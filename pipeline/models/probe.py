"""Inspect a network: its layers by path, their weights, and their outputs for given inputs."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import keras
import numpy as np
import numpy.typing as npt
from keras import ops

from pipeline.models.embedding import EmbeddingDense
from pipeline.models.members import members_of
from pipeline.models.structure import nodes_of
from pipeline.models.target_statistics import STATISTICS, TargetStatistics

Arrays = dict[str, npt.NDArray[Any]]
EMBEDDINGS = "embeddings"
"""Suffix of `LAYER/embeddings`: the concatenated embeddings, which `EmbeddingDense` itself does not output."""


def layers_of(model: keras.Model) -> dict[str, keras.layers.Layer]:
    """Return every layer by its path: `hidden_1`, or `member_2/hidden_1` in an ensemble."""
    layers: dict[str, keras.layers.Layer] = {}
    for layer in model.layers:
        if isinstance(layer, keras.Model):
            layers |= {f"{layer.name}/{name}": inner for name, inner in layers_of(layer).items()}
        else:
            layers[layer.name] = layer
    return layers


def output_names(model: keras.Model) -> list[str]:
    """Return the names of all outputs that a `Probe` can return.

    The first output of a layer is `LAYER`, further outputs are `LAYER.2`, …, and outputs of later calls of the same
    layer are `LAYER:2`, ….
    """
    names: list[str] = []
    for name in _tensors(model):
        inner = model.get_layer(name) if name in {layer.name for layer in model.layers} else None
        names += [f"{name}/{path}" for path in output_names(inner)] if isinstance(inner, keras.Model) else [name]
    return names


def weights_of(model: keras.Model) -> Iterator[tuple[str, str, npt.NDArray[Any], bool]]:
    """Yield (layer path, weight name, values, whether it is trained) in the order of the layers."""
    for path, layer in layers_of(model).items():
        trained = {id(weight) for weight in layer.trainable_weights}
        for weight in layer.weights:
            yield path, weight.name, ops.convert_to_numpy(weight), id(weight) in trained


class Probe:
    """Returns the outputs of layers. One forward pass computes all of them, so in training they share one dropout draw.

    Args:
        model: The network to inspect.
        names: The outputs to return, from `output_names`.
    """

    def __init__(self, model: keras.Model, names: Sequence[str]) -> None:
        self._model, self._names = model, list(names)
        self._members = [member for member in members_of(model) if member is not model]
        self._passes: dict[str, Probe | _ForwardPass]
        if self._members:
            own = {member.name: [n for n in names if n.startswith(f"{member.name}/")] for member in self._members}
            self._passes = {
                member.name: Probe(member, [name.removeprefix(f"{member.name}/") for name in own[member.name]])
                for member in self._members
            }
        else:
            self._passes = {"": _ForwardPass(model, self._names)}

    def __call__(self, inputs: Mapping[str, Any], *, training: bool) -> Arrays:
        """Return the outputs by name, shape (batch, …) each.

        Args:
            inputs: The inputs of the network by name.
            training: Whether to run in training mode: with dropout, and batch normalisation by this batch's statistics.
        """
        return self.run(inputs, training)[0]

    def run(self, inputs: Mapping[str, Any], training: bool) -> tuple[Arrays, Any]:
        """Return the outputs by name, and the output of the network."""
        arrays: Arrays = {}
        network_outputs = []
        for layer in self._model.layers:
            if isinstance(layer, TargetStatistics):
                arrays[layer.name] = ops.convert_to_numpy(layer(inputs["categorical"]))
                inputs = {**inputs, STATISTICS: arrays[layer.name]}
        for prefix, forward_pass in self._passes.items():
            outputs, output = forward_pass.run(inputs, training)
            arrays |= {f"{prefix}/{name}" if prefix else name: values for name, values in outputs.items()}
            network_outputs.append(output)
        for name in self._names:
            if name in inputs and name not in arrays:
                arrays[name] = np.asarray(inputs[name])
            elif name not in arrays:  # a layer over the members' outputs
                arrays[name] = ops.convert_to_numpy(self._model.get_layer(name)(network_outputs))
        mean = [layer for layer in self._model.layers if isinstance(layer, keras.layers.Average)]
        output = mean[0](network_outputs) if self._members and mean else network_outputs[0]
        return {name: arrays[name] for name in self._names}, output


class _ForwardPass:
    """A forward pass through one network."""

    def __init__(self, network: keras.Model, names: Sequence[str]) -> None:
        self._inputs = [tensor.name for tensor in network.inputs]
        embedding_layers = {name: name.partition("/")[0] for name in names if name.endswith(f"/{EMBEDDINGS}")}
        self._embedded = {name: network.get_layer(layer) for name, layer in embedding_layers.items()}
        known = _tensors(network)
        wanted = {name: known[name] for name in names}
        self._network = keras.Model(network.inputs, [wanted, network.output])

    def run(self, inputs: Mapping[str, Any], training: bool) -> tuple[Arrays, Any]:
        seeds = {name: ops.convert_to_numpy(layer.seeds.state) for name, layer in self._embedded.items()}
        arrays, output = self._network({name: inputs[name] for name in self._inputs}, training=training)
        for name, layer in self._embedded.items():
            # Restore the generator so that the embeddings get the same dropout draw as in the pass.
            layer.seeds.state.assign(seeds[name])
            arrays[name] = layer.embed(arrays[name], training)
        return {name: np.asarray(ops.convert_to_numpy(tensor)) for name, tensor in arrays.items()}, output


def _tensors(network: keras.Model) -> dict[str, Any]:
    """Return the output tensors of all layers by name; `LAYER/embeddings` maps to the codes that the layer takes."""
    tensors = {}
    for name, (layer, node) in nodes_of(network).items():
        for number, tensor in enumerate(node.outputs, start=1):
            tensors[name if number == 1 else f"{name}.{number}"] = tensor
        if isinstance(layer, EmbeddingDense):
            tensors[f"{name}/{EMBEDDINGS}"] = node.input_tensors[0]
    return tensors
