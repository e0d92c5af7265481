"""Look into a network: its layers by path, their weights, and what each of them puts out for given input."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import keras
import numpy as np
import numpy.typing as npt
from keras import ops

from pipeline.models.embedding import EmbeddingDense
from pipeline.models.members import members_of

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
    """Return what a `Probe` can be asked for."""
    names = []
    for path, layer in layers_of(model).items():
        names += [path, f"{path}/{EMBEDDINGS}"] if isinstance(layer, EmbeddingDense) else [path]
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
        if self._members:
            own = {member.name: [n for n in names if n.startswith(f"{member.name}/")] for member in self._members}
            self._passes = {
                member.name: _Pass(member, [name.removeprefix(f"{member.name}/") for name in own[member.name]])
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
        found: Arrays = {}
        ends = []
        for prefix, each in self._passes.items():
            outputs, end = each(inputs, training)
            found |= {f"{prefix}/{name}" if prefix else name: values for name, values in outputs.items()}
            ends.append(end)
        for name in self._names:
            if name in inputs and name not in found:
                found[name] = np.asarray(inputs[name])
            elif name not in found:  # of the members' outputs
                found[name] = ops.convert_to_numpy(self._model.get_layer(name)(ends))
        return {name: found[name] for name in self._names}


class _Pass:
    """One pass through one network."""

    def __init__(self, network: keras.Model, names: Sequence[str]) -> None:
        self._inputs = [tensor.name for tensor in network.inputs]
        ends = {name: name.partition("/")[0] for name in names if name.endswith(f"/{EMBEDDINGS}")}
        self._embedded = {name: network.get_layer(layer) for name, layer in ends.items()}
        wanted = {name: network.get_layer(name).output for name in names if name not in ends}
        wanted |= {name: _codes(layer) for name, layer in self._embedded.items()}
        self._network = keras.Model(network.inputs, [wanted, network.output])

    def __call__(self, inputs: Mapping[str, Any], training: bool) -> tuple[Arrays, Any]:
        seeds = {name: ops.convert_to_numpy(layer.seeds.state) for name, layer in self._embedded.items()}
        found, end = self._network({name: inputs[name] for name in self._inputs}, training=training)
        for name, layer in self._embedded.items():
            # The same draw as in the pass: the generator is set back to where it stood.
            layer.seeds.state.assign(seeds[name])
            found[name] = layer.embed(found[name], training)
        return {name: np.asarray(ops.convert_to_numpy(tensor)) for name, tensor in found.items()}, end


def _codes(layer: EmbeddingDense) -> Any:
    return layer.input[0] if isinstance(layer.input, list | tuple) else layer.input
