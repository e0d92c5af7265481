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
    """Return what `outputs_of` can be asked for."""
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


def outputs_of(model: keras.Model, names: Sequence[str], inputs: Mapping[str, Any], *, training: bool) -> Arrays:
    """Return outputs of layers, `(batch, …)` each.

    One pass through each network gives all of its layers: in training phase they have seen the same dropout.

    Args:
        model: To look into.
        names: Of `output_names`.
        inputs: Of the network, by name.
        training: In training phase: with dropout, and the statistics of this batch in batch normalisation.
    """
    found: Arrays = {}
    for network in dict.fromkeys([model, *members_of(model)]):
        prefix = "" if network is model else f"{network.name}/"
        own = {name: name.removeprefix(prefix) for name in names if _network_of(name) == prefix}
        if own:
            results = _outputs(network, list(own.values()), inputs, training)
            found |= {name: results[inner] for name, inner in own.items()}
    return {name: found[name] for name in names}


def _network_of(name: str) -> str:
    head, _, _ = name.removesuffix(f"/{EMBEDDINGS}").rpartition("/")
    return f"{head}/" if head else ""


def _outputs(network: keras.Model, names: Sequence[str], inputs: Mapping[str, Any], training: bool) -> Arrays:
    embedded = {name: network.get_layer(name.partition("/")[0]) for name in names if name.endswith(f"/{EMBEDDINGS}")}
    wanted = {name: network.get_layer(name).output for name in names if name not in embedded}
    wanted |= {name: _codes(layer) for name, layer in embedded.items()}
    given = {tensor.name: inputs[tensor.name] for tensor in network.inputs}
    # The same draw as in the pass: the generator is set back to where it stood.
    seeds = {name: ops.convert_to_numpy(layer.seeds.state) for name, layer in embedded.items()}
    found = keras.Model(network.inputs, wanted)(given, training=training)
    for name, layer in embedded.items():
        layer.seeds.state.assign(seeds[name])
        found[name] = layer.embed(found[name], training)
    return {name: np.asarray(ops.convert_to_numpy(tensor)) for name, tensor in found.items()}


def _codes(layer: EmbeddingDense) -> Any:
    return layer.input[0] if isinstance(layer.input, list | tuple) else layer.input
