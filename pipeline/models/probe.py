"""Look into a network: its layers by path, their weights, and what each of them puts out for given input."""

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
"""`LAYER/embeddings`: what an Embedding a column, Flatten and Concatenate would put out, which the layer does not."""


def layers_of(model: keras.Model) -> dict[str, keras.layers.Layer]:
    """Return every layer by its path: `hidden_1`, or `member_2/hidden_1` in a network of several."""
    found: dict[str, keras.layers.Layer] = {}
    for layer in model.layers:
        if isinstance(layer, keras.Model):
            found |= {f"{layer.name}/{name}": inner for name, inner in layers_of(layer).items()}
        else:
            found[layer.name] = layer
    return found


def output_names(model: keras.Model) -> list[str]:
    """Return what a `Probe` can be asked for.

    `LAYER`; its further outputs are `LAYER.2`, …; what a layer puts out that is used again is `LAYER:2`, ….
    """
    names: list[str] = []
    for name in _tensors(model):
        inner = model.get_layer(name) if name in {layer.name for layer in model.layers} else None
        names += [f"{name}/{each}" for each in output_names(inner)] if isinstance(inner, keras.Model) else [name]
    return names


def weights_of(model: keras.Model) -> Iterator[tuple[str, str, npt.NDArray[Any], bool]]:
    """Give layer, weight, its values and whether it is trained, in the order of the layers."""
    for path, layer in layers_of(model).items():
        trained = {id(weight) for weight in layer.trainable_weights}
        for weight in layer.weights:
            yield path, weight.name, ops.convert_to_numpy(weight), id(weight) in trained


class Probe:
    """Outputs of layers. One pass gives all of them: in training phase they have seen the same dropout.

    Args:
        model: To look into.
        names: Of `output_names`.
    """

    def __init__(self, model: keras.Model, names: Sequence[str]) -> None:
        self._model, self._names = model, list(names)
        self._members = [member for member in members_of(model) if member is not model]
        self._passes: dict[str, Probe | _Pass]
        if self._members:
            own = {member.name: [n for n in names if n.startswith(f"{member.name}/")] for member in self._members}
            self._passes = {
                member.name: Probe(member, [name.removeprefix(f"{member.name}/") for name in own[member.name]])
                for member in self._members
            }
        else:
            self._passes = {"": _Pass(model, self._names)}

    def __call__(self, inputs: Mapping[str, Any], *, training: bool) -> Arrays:
        """Return the outputs by name, `(batch, …)` each.

        Args:
            inputs: Of the network, by name.
            training: In training phase: with dropout, and the statistics of this batch in batch normalisation.
        """
        return self.run(inputs, training)[0]

    def run(self, inputs: Mapping[str, Any], training: bool) -> tuple[Arrays, Any]:
        """Return the outputs by name, and what the network puts out."""
        found: Arrays = {}
        ends = []
        for layer in self._model.layers:
            if isinstance(layer, TargetStatistics):
                found[layer.name] = ops.convert_to_numpy(layer(inputs["categorical"]))
                inputs = {**inputs, STATISTICS: found[layer.name]}
        for prefix, each in self._passes.items():
            outputs, end = each.run(inputs, training)
            found |= {f"{prefix}/{name}" if prefix else name: values for name, values in outputs.items()}
            ends.append(end)
        for name in self._names:
            if name in inputs and name not in found:
                found[name] = np.asarray(inputs[name])
            elif name not in found:  # of the members' outputs
                found[name] = ops.convert_to_numpy(self._model.get_layer(name)(ends))
        mean = [layer for layer in self._model.layers if isinstance(layer, keras.layers.Average)]
        end = mean[0](ends) if self._members and mean else ends[0]
        return {name: found[name] for name in self._names}, end


class _Pass:
    """One pass through one network."""

    def __init__(self, network: keras.Model, names: Sequence[str]) -> None:
        self._inputs = [tensor.name for tensor in network.inputs]
        ends = {name: name.partition("/")[0] for name in names if name.endswith(f"/{EMBEDDINGS}")}
        self._embedded = {name: network.get_layer(layer) for name, layer in ends.items()}
        known = _tensors(network)
        wanted = {name: known[name] for name in names}
        self._network = keras.Model(network.inputs, [wanted, network.output])

    def run(self, inputs: Mapping[str, Any], training: bool) -> tuple[Arrays, Any]:
        seeds = {name: ops.convert_to_numpy(layer.seeds.state) for name, layer in self._embedded.items()}
        found, end = self._network({name: inputs[name] for name in self._inputs}, training=training)
        for name, layer in self._embedded.items():
            # The same draw as in the pass: the generator is set back to where it stood.
            layer.seeds.state.assign(seeds[name])
            found[name] = layer.embed(found[name], training)
        return {name: np.asarray(ops.convert_to_numpy(tensor)) for name, tensor in found.items()}, end


def _tensors(network: keras.Model) -> dict[str, Any]:
    """Return what the layers of a network put out, by name; for embeddings within a layer, the codes that it takes."""
    found = {}
    for name, (layer, node) in nodes_of(network).items():
        for place, tensor in enumerate(node.outputs, start=1):
            found[name if place == 1 else f"{name}.{place}"] = tensor
        if isinstance(layer, EmbeddingDense):
            found[f"{name}/{EMBEDDINGS}"] = node.input_tensors[0]
    return found
