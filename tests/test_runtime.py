"""The NumPy runtime beside Keras: every layer, every activation, the networks of every family."""

import json
from typing import Any

import keras
import numpy as np
import onnxruntime
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as some
from pairs import NETWORKS as TRANSLATORS
from pairs import pairs
from texts import text
from tiny import mlp

from pipeline import models
from pipeline.exporting import ExportError, graph_of
from pipeline.exporting.to_onnx import to_onnx
from pipeline.families.table.metrics.kinds import KINDS
from pipeline.families.table.models.embedding_mlp import Features, embedding_mlp
from pipeline.families.text.models.networks import language_model
from pipeline.families.threshold.models.tanh_mlp import tanh_mlp
from pipeline.families.threshold.settings import TanhMlp
from pipeline.families.translation.models.common import Sizes
from pipeline.families.translation.models.networks import inference_of, translation_model
from pipeline.portable.activations import ACTIVATIONS
from pipeline.portable.runtime import Network
from pipeline.training import make_deterministic

pytestmark = pytest.mark.slow

Array = np.ndarray[Any, Any]
CLOSE = 1e-5
ONCE = (Phase.explicit, Phase.reuse, Phase.generate)
"""Building a network takes long: one that fails is shown as it is."""


def portable(model: keras.Model) -> Network:
    graph, weights = graph_of(model)
    return Network(json.loads(json.dumps(graph)), weights)


def shaken(model: keras.Model, seed: int, scale: float = 0.4) -> keras.Model:
    """Give a network weights none of which is 0; variances stay above 0."""
    random = np.random.default_rng(seed)
    for weight in model.weights:
        if weight.dtype == "float32":
            drawn = random.normal(scale=scale, size=weight.shape)
            weight.assign(np.abs(drawn) + 0.1 if "variance" in weight.path else drawn)
    return model


def differ(a: Any, b: Any) -> float:
    a, b = np.asarray(a, np.float64), np.asarray(b, np.float64)
    assert a.shape == b.shape
    return float((np.abs(a - b) / np.maximum(1, np.abs(b))).max(initial=0))


def in_onnx(model: keras.Model, inputs: dict[str, Any]) -> Any:
    """Return what ONNX puts out; None where it has no operator."""
    try:
        content = to_onnx(model).SerializeToString()
    except ExportError:
        return None
    session = onnxruntime.InferenceSession(content)
    names = [output.name.removeprefix("next_") for output in session.get_outputs()]
    found = dict(zip(names, session.run(None, inputs), strict=True))
    return found["output"] if set(found) == {"output"} else found


def compared(model: keras.Model, *, in_both: bool = True, **inputs: Any) -> None:
    """Assert that Keras, the runtime and ONNX (unless not `in_both`) compute the same, of every output."""
    alone = not isinstance(model._inputs_struct, dict)
    expected = model(next(iter(inputs.values())) if alone else inputs, training=False)
    runs = [portable(model)(**inputs), in_onnx(model, inputs) if in_both else None]
    for found in [each for each in runs if each is not None]:
        pairs_of = [(found[k], expected[k]) for k in expected] if isinstance(expected, dict) else [(found, expected)]
        for mine, theirs in pairs_of:
            assert differ(mine, keras.ops.convert_to_numpy(theirs)) <= CLOSE


def test_all_activations_that_keep_the_shape_are_there() -> None:
    known = {each.__name__ for each in keras.src.activations.ALL_OBJECTS}
    # glu halves its input; threshold wants to be told one, and has no name of its own.
    assert set(ACTIVATIONS) == known - {"glu", "threshold"}


values = some.lists(some.floats(-30, 30, width=32), min_size=2, max_size=8)


@pytest.mark.parametrize("name", sorted(ACTIVATIONS))
@settings(max_examples=60, deadline=None, phases=ONCE)
@given(drawn=values)
def test_activations(name: str, drawn: list[float]) -> None:
    x = np.array([drawn], np.float32)
    if name == "exponential":
        x = x / 3
    expected = keras.ops.convert_to_numpy(keras.activations.get(name)(keras.ops.convert_to_tensor(x)))
    assert differ(ACTIVATIONS[name](x), expected) <= CLOSE


seeds = some.integers(0, 2**16)
BENT = sorted(ACTIVATIONS)
SQUASHED = ["hard_sigmoid", "sigmoid", "softsign", "sparse_sigmoid", "tanh", "hard_tanh"]


@pytest.mark.parametrize("activation", BENT)
@settings(max_examples=3, deadline=None, phases=ONCE)
@given(seed=seeds, bias=some.booleans())
def test_dense(activation: str, seed: int, bias: bool) -> None:
    x = keras.Input((5,), name="x")
    model = keras.Model({"x": x}, keras.layers.Dense(4, activation, use_bias=bias)(x))
    compared(shaken(model, seed), x=np.random.default_rng(seed).normal(size=(3, 5)).astype(np.float32))


@pytest.mark.parametrize("kind", ["lstm", "gru"])
@pytest.mark.parametrize("activation", BENT)
@settings(max_examples=2, deadline=None, phases=ONCE)
@given(seed=seeds, gate=some.sampled_from(SQUASHED), flags=some.tuples(*[some.booleans()] * 5))
def test_recurrent(kind: str, activation: str, seed: int, gate: str, flags: tuple[bool, ...]) -> None:
    bias, masked, backwards, both_ways, own_state = flags
    random = np.random.default_rng(seed)
    x, kept, h, c = (
        keras.Input(shape, dtype=dtype, name=name)
        for name, shape, dtype in (
            ("x", (None, 3), "float32"),
            ("kept", (None,), "bool"),
            ("h", (4,), "float32"),
            ("c", (4,), "float32"),
        )
    )
    options: dict[str, Any] = {"use_bias": bias, "return_sequences": True, "return_state": True}
    options |= {"activation": activation, "recurrent_activation": gate}
    states = [h, c] if kind == "lstm" else [h]
    inputs: dict[str, Any] = {"x": x}
    if kind == "lstm":
        layer: Any = models.SequenceLSTM(4, go_backwards=backwards and not both_ways, **options)
    else:
        # Either form of the reset gate.
        layer = keras.layers.GRU(4, go_backwards=backwards and not both_ways, reset_after=own_state, **options)
    call: dict[str, Any] = {}
    if both_ways:
        layer = keras.layers.Bidirectional(layer)
    elif own_state:
        call["initial_state"] = states
        inputs |= {state.name: state for state in states}
    if masked:
        call["mask"], inputs["kept"] = kept, kept
    outputs = layer(x, **call)
    # Through the state, exponential feeds itself: larger ones become infinite within a few steps.
    scale, first = (0.01, 0.3) if activation == "exponential" else (0.2, 1.0)
    model = shaken(keras.Model(inputs, {f"o{place}": each for place, each in enumerate(outputs)}), seed, scale)
    lengths = random.integers(1, 6, size=3)
    drawn = {
        "x": random.normal(size=(3, 5, 3)).astype(np.float32),
        "kept": np.arange(5)[None] < lengths[:, None],
        "h": first * random.normal(size=(3, 4)).astype(np.float32),
        "c": first * random.normal(size=(3, 4)).astype(np.float32),
    }
    # Of masks ONNX's operators know lengths alone: tests/test_onnx.py.
    compared(model, in_both=False, **{name: drawn[name] for name in inputs})


@settings(max_examples=5, deadline=None, phases=ONCE)
@given(seed=seeds)
def test_normalisation_and_sums(seed: int) -> None:
    x = keras.Input((6,), name="x")
    a = keras.layers.BatchNormalization()(x)
    b = keras.layers.LayerNormalization()(x)
    together = keras.layers.Concatenate()([keras.layers.Average()([a, b]), keras.layers.Add()([a, x])])
    model = keras.Model({"x": x}, keras.layers.Rescaling(2.5, -1.0)(keras.layers.Activation("silu")(together)))
    compared(shaken(model, seed), x=np.random.default_rng(seed).normal(size=(4, 6)).astype(np.float32))


MERGES = ["none", "concat", "wide", "bin", "piecewise", "periodic"]


@pytest.mark.parametrize("merge", MERGES)
@pytest.mark.parametrize("kind", ["binary", "multiclass", "regression"])
def test_tables(merge: str, kind: str) -> None:
    make_deterministic(1)
    quantiles = [np.linspace(-2, 2, 257).tolist(), [0.5] * 257]
    features = Features([3, 50, 7], quantiles, [[-1.0, 0.0, 1.5], [0.5]])
    changes = {"numeric_encoding": merge, "batch_norm": merge == "concat", "hidden_layers": 2, "embedding_dim": "auto"}
    changes |= {"ensemble": 1 if merge in ("wide", "piecewise") else 3}
    model = embedding_mlp(
        features,
        KINDS[kind](["a", "b", "c"], 10.0, 4.0),
        mlp(**changes),
        ensemble_size=2 if merge == "piecewise" else 1,
    )
    random = np.random.default_rng(0)
    numeric = random.choice([-9.0, -1.0, 0.0, 0.5, 0.7, 1.5, 9.0, np.nan], size=(40, 2)).astype(np.float32)
    codes = np.stack([random.integers(size, size=40) for size in features.cardinalities], axis=1).astype(np.int32)
    compared(shaken(model, 1), categorical=codes, numeric=numeric)


@pytest.mark.parametrize("layers", [0, 2])
def test_members_without_categories(layers: int) -> None:
    make_deterministic(1)
    features = Features([], [np.linspace(-2, 2, 257).tolist()] * 2, [[]] * 2)
    model = embedding_mlp(
        features,
        KINDS["binary"](["a", "b"], 0.0, 1.0),
        mlp(ensemble=3, hidden_layers=layers, numeric_encoding="piecewise"),
    )
    compared(shaken(model, 1), numeric=np.random.default_rng(0).normal(size=(8, 2)).astype(np.float32))


VARIANTS: list[tuple[str, dict[str, Any]]] = [
    ("seq2seq", {"hidden_layers": 2}),
    ("attention", {"hidden_layers": 2}),
    ("attention", {"score": "bahdanau", "tied": False}),
    ("transformer", {}),
    ("transformer", {"positions": "learned"}),
]


@pytest.mark.parametrize(("network", "changes"), VARIANTS)
def test_translators(network: str, changes: dict[str, Any]) -> None:
    make_deterministic(1)
    assert network in TRANSLATORS
    section = pairs(network, **{f"model__{key}": value for key, value in changes.items()}).model
    model = translation_model(Sizes(14, 14, None, None, 50), section, precision="float32")
    inference = inference_of(shaken(model, 2))
    source = np.array([[2, 5, 6, 7, 3], [2, 9, 3, 0, 0]], np.int32)
    compared(inference.encoder, source=source)
    state = portable(inference.encoder)(source=source)
    written = np.array([[2, 5, 9], [2, 6, 7]], np.int32)
    compared(inference.decoder, token=written, **state)
    # Word by word, the state kept: the same as all at once.
    decoder, whole = portable(inference.decoder), portable(inference.decoder)(token=written, **state)["logits"]
    for place in range(3):
        found = decoder(token=written[:, place : place + 1], **state)
        assert differ(found["logits"][:, 0], whole[:, place]) <= CLOSE
        state |= {name: found[name] for name in state if name in found}


@pytest.mark.parametrize("changes", [{}, {"cell": "gru", "hidden_layers": 2, "dropout": 0.5}])
def test_writers(changes: dict[str, Any]) -> None:
    make_deterministic(1)
    section = text(**{f"model__{key}": value for key, value in changes.items()}).model
    model = shaken(language_model(9, section, precision="float32"), 3)
    random = np.random.default_rng(0)
    state = {each.name: random.normal(size=(2, 32)).astype(np.float32) for each in model.inputs if each.name != "text"}
    compared(model, text=random.integers(9, size=(2, 6)).astype(np.int32), **state)


def test_windows() -> None:
    make_deterministic(1)
    section = text("char_window", model__activation="sigmoid").model
    model = shaken(language_model(9, section, precision="float32"), 3)
    compared(model, text=np.array([[0, 4, 8], [1, 1, 1]], np.int32))


def test_sides() -> None:
    model = tanh_mlp(5, TanhMlp(name="tanh_mlp", hidden_units=20))
    compared(shaken(model, 4), point=np.random.default_rng(0).random((7, 5)).astype(np.float32))


@pytest.mark.parametrize(
    ("layer", "message"),
    [
        (
            keras.layers.Conv1D(2, 2, name="near"),
            "layer near: the NumPy runtime does not support Conv1D; it supports Activation, Add",
        ),
        (keras.layers.LSTM(2, stateful=True, name="on"), "layer on: the NumPy runtime does not support stateful"),
        (
            keras.layers.Dense(2, "glu", name="half"),
            "layer half: the NumPy runtime does not support activation 'glu'; it supports celu",
        ),
        (
            keras.layers.Bidirectional(keras.layers.GRU(2), merge_mode="sum", name="two"),
            "layer two: the NumPy runtime supports merge_mode 'concat', not 'sum'",
        ),
    ],
)
def test_what_the_runtime_lacks_is_told_at_export(layer: keras.layers.Layer, message: str) -> None:
    x = keras.Input(batch_shape=(1, 4, 3), name="x")
    model = keras.Model({"x": x}, layer(x))
    with pytest.raises(ExportError, match=message):
        graph_of(model)


def test_inputs_that_are_missing_are_named() -> None:
    network = portable(tanh_mlp(2, TanhMlp(name="tanh_mlp", hidden_units=0)))
    with pytest.raises(ValueError, match="the network takes point; received x"):
        network(x=np.zeros((1, 2)))
