"""Layers in ONNX operators beside Keras, for inputs of several lengths; whole networks: tests/test_export.py."""

from itertools import product
from typing import Any

import keras
import numpy as np
import onnxruntime
import pytest

from pipeline.exporting import ExportError
from pipeline.exporting.onnx_activations import ACTIVATIONS
from pipeline.exporting.to_onnx import to_onnx
from pipeline.models import SequenceLSTM
from pipeline.portable.activations import ACTIVATIONS as ALL

pytestmark = pytest.mark.slow

CLOSE = 1e-5


def compared(model: keras.Model, **inputs: Any) -> None:
    """Assert that both compute the same, of every output."""
    session = onnxruntime.InferenceSession(to_onnx(model).SerializeToString())
    names = [output.name for output in session.get_outputs()]
    found = dict(zip(names, session.run(None, inputs), strict=True))
    expected = model(inputs, training=False)
    expected = expected if isinstance(expected, dict) else {"output": expected}
    for name, wanted in expected.items():
        array = keras.ops.convert_to_numpy(wanted)
        assert found[name].shape == array.shape
        np.testing.assert_allclose(found[name], array, rtol=CLOSE, atol=CLOSE)


@pytest.mark.parametrize("name", sorted(ALL))
def test_activations(name: str) -> None:
    x = keras.Input((None,), name="x")
    model = keras.Model({"x": x}, keras.layers.Activation(name)(x))
    if name not in ACTIVATIONS:
        message = rf"does not support activation '{name}'; it supports celu, .* Use the format numpy"
        with pytest.raises(ExportError, match=message):
            to_onnx(model)
        return
    # Places where pieces of the functions meet are among them.
    compared(model, x=np.array([np.linspace(-8, 8, 65), np.linspace(-0.6, 0.6, 65)], np.float32))


SHAPES = list(product(("lstm", "ours", "gru", "gru_before"), (False, True), (False, True), (False, True)))


@pytest.mark.parametrize(("kind", "masked", "backwards", "state"), SHAPES)
@pytest.mark.parametrize("both_ways", [False, True])
def test_recurrent(kind: str, masked: bool, backwards: bool, state: bool, both_ways: bool) -> None:
    if both_ways and backwards:
        backwards = False  # reads both ways anyway
    random = np.random.default_rng(3)
    parts = {"lstm": 2, "ours": 2}.get(kind, 1)
    x, kept = keras.Input((None, 3), name="x"), keras.Input((None,), dtype="bool", name="kept")
    before = [keras.Input((4,), name=f"s_{number}") for number in range(parts * (1 + both_ways))]
    settings: dict[str, Any] = {"return_sequences": True, "return_state": True, "go_backwards": backwards}
    layer: Any = {
        "lstm": lambda: keras.layers.LSTM(4, **settings),
        "ours": lambda: SequenceLSTM(4, **settings),
        "gru": lambda: keras.layers.GRU(4, **settings),
        "gru_before": lambda: keras.layers.GRU(4, reset_after=False, **settings),
    }[kind]()
    layer = keras.layers.Bidirectional(layer) if both_ways else layer
    given: dict[str, Any] = {"initial_state": before} if state else {}
    found, *ends = layer(x, **given, **({"mask": kept} if masked else {}))
    inputs = {"x": x, **({"kept": kept} if masked else {}), **({each.name: each for each in before} if state else {})}
    model = keras.Model(inputs, {"found": found, **{f"end_{n}": end for n, end in enumerate(ends)}})
    for weight in model.weights:
        weight.assign(random.normal(scale=0.4, size=weight.shape))
    for steps, lengths in ((6, [6, 3, 1]), (2, [2, 1, 2])):
        drawn = {
            "x": random.normal(size=(3, steps, 3)),
            "kept": np.arange(steps)[None] < np.array(lengths)[:, None],
            **{each.name: random.normal(size=(3, 4)) for each in before},
        }
        compared(model, **{n: drawn[n].astype(np.bool_ if n == "kept" else np.float32) for n in inputs})


def test_the_same_network_gives_the_same_bytes_and_equal_weights_stand_there_once() -> None:
    x = keras.Input((30,), name="x")
    layers = [keras.layers.Dense(30), keras.layers.Dense(30)]
    model = keras.Model({"x": x}, layers[1](layers[0](x)))
    different = to_onnx(model).SerializeToString(deterministic=True)
    assert to_onnx(model).SerializeToString(deterministic=True) == different
    layers[1].set_weights(layers[0].get_weights())
    assert len(to_onnx(model).SerializeToString(deterministic=True)) < len(different) - 30 * 30 * 4
