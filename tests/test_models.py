"""An embedding is one-hot @ W; one layer computes what a layer a column and a dense one over them compute."""

from pathlib import Path

import keras
import numpy as np
import pytest
from tiny import mlp

from pipeline.families.table.metrics.binary import Binary
from pipeline.families.table.metrics.multiclass import Multiclass
from pipeline.families.table.models.embedding_mlp import Features, embedding_mlp
from pipeline.families.table.models.numeric import (
    PeriodicEmbedding,
    PiecewiseEmbedding,
    QuantileBins,
    ValueAndFlag,
    ValueCodes,
    bin_edges,
)
from pipeline.models import EmbeddingDense, auto_dim, before_mean, load_model, members_of, save_model, to_float32

SIZES = [3, 3, 4]
HEAD = Binary(["no", "yes"], 0.5, 0.5)


QUANTILES = list(np.linspace(-2, 2, 257))
FEATURES = Features(SIZES, [QUANTILES] * 2, [[-1.0, 0.0, 0.5], [0.25]])


def network(features: Features = FEATURES, **changes: object) -> keras.Model:
    return embedding_mlp(features, HEAD, mlp(**changes))


def inputs(rows: int = 64) -> dict[str, np.ndarray]:
    random = np.random.default_rng(0)
    codes = np.stack([random.integers(size, size=rows) for size in SIZES], axis=1).astype("int32")
    numbers = random.normal(size=(rows, 2)).astype("float32")
    numbers[::5, 0] = np.nan
    return {"categorical": codes, "numeric": numbers}


def by_a_layer_a_column(fused: EmbeddingDense, codes: np.ndarray, beside: np.ndarray | None) -> np.ndarray:
    """Compute with Keras' own Embedding and Dense layers what the fused one does, from its weights."""
    parts = []
    for column, (size, dim) in enumerate(zip(fused.cardinalities, fused.dims, strict=True)):
        single = keras.layers.Embedding(size, dim)
        single.build((None,))
        single.set_weights([fused.vectors(column)])
        parts.append(np.asarray(single(codes[:, column])))
    np.testing.assert_array_equal(np.asarray(fused.embed(codes)), np.concatenate(parts, axis=1))
    in_order = [parts[column] for column in fused.columns] + ([] if beside is None else [beside])
    kernel = np.asarray(fused.kernel)
    dense = keras.layers.Dense(fused.units)
    dense.build((None, kernel.shape[0]))
    dense.set_weights([kernel, np.asarray(fused.bias)])
    return np.asarray(dense(np.concatenate(in_order, axis=1)))


@pytest.mark.parametrize(
    ("sizes", "dims"),
    [
        ([3, 3, 4], [4, 4, 4]),
        ([4, 100, 2, 9, 5, 300], [4] * 6),
        ([1000], [4]),
        ([2, 2], [4, 4]),
        ([4, 100, 2, 9, 5, 300], [4, 16, 4, 8, 4, 16]),
    ],
)
def test_one_layer_equals_a_layer_a_column(sizes: list[int], dims: list[int]) -> None:
    """Few categories are multiplied as one-hot rows, many are looked up; both are the same function."""
    random = np.random.default_rng(0)
    codes = np.stack([random.integers(size, size=50) for size in sizes], axis=1).astype("int32")
    beside = random.normal(size=(50, 3)).astype("float32")
    for other in (beside, None):
        fused = EmbeddingDense(sizes, dims, 6, 0.2)
        found = np.asarray(fused(codes) if other is None else fused(codes, other))
        assert sum(table.shape[0] * table.shape[1] for table in fused.tables.values()) == np.dot(sizes, dims)
        np.testing.assert_allclose(found, by_a_layer_a_column(fused, codes, other), rtol=1e-5, atol=1e-6)


def test_an_embedding_is_one_hot_times_its_matrix() -> None:
    fused = EmbeddingDense([5, 40], [3, 3], 2, 0.0)
    codes = np.array([[0, 7], [4, 39], [2, 0]], dtype="int32")
    found = np.asarray(fused(codes))
    table, kernel = np.asarray(fused.tables["3"]), np.asarray(fused.kernel)
    small, large = np.eye(5)[codes[:, 0]] @ table[:5], np.eye(40)[codes[:, 1]] @ table[5:]
    np.testing.assert_allclose(found, small @ kernel[:3] + large @ kernel[3:], rtol=1e-5)


@pytest.mark.parametrize(("cardinality", "dim"), [(2, 4), (9, 4), (20, 8), (50, 16), (1000, 64), (34225, 64)])
def test_automatic_widths_are_powers_of_two_by_the_rule(cardinality: int, dim: int) -> None:
    # 1.6 · n^.56: 2.4, 5.5, 8.6, 14.3, 76.6, 553
    assert auto_dim(cardinality) == dim


def test_missing_numbers_become_zero_and_a_flag() -> None:
    values = np.array([[1.5, np.nan], [np.nan, -2.0]], dtype="float32")
    assert np.asarray(ValueAndFlag()(values)).tolist() == [[1.5, 0, 0, 1], [0, -2.0, 1, 0]]


def test_bins_count_the_edges_reached() -> None:
    values = np.array([[-5.0, 0.0], [0.0, 9.0], [np.nan, np.nan]], dtype="float32")
    codes = np.asarray(QuantileBins([[-1.0, 0.0, 1.0], [5.0]])(values))
    assert codes.tolist() == [[1, 1], [3, 2], [0, 0]]


def test_edges_cut_quantiles_evenly_and_heavy_values_fall_together() -> None:
    assert bin_edges(list(np.linspace(0, 8, 257)), 4) == [2.0, 4.0, 6.0]
    assert bin_edges([0.0] * 150 + [1.0] * 107, 4) == [0.0, 1.0]


HIDDEN = 8 + (8 * 8 + 8) + (8 + 1)  # biases and matrices behind the first kernel
PARAMETERS = {
    "none": (10 + 4 + 2) * 4 + 5 * 4 * 8 + HIDDEN,
    "concat": 10 * 4 + (3 * 4 + 4) * 8 + HIDDEN,
    "wide": 10 * 4 + 3 * 4 * 8 + 4 + HIDDEN,
    "bin": (10 + 2 * 5) * 4 + 5 * 4 * 8 + HIDDEN,
    "piecewise": 10 * 4 + (3 * 4 + 2 * 3) * 8 + 2 * (4 * 3 + 3 + 3) + HIDDEN,
    "periodic": 10 * 4 + (3 * 4 + 2 * 3) * 8 + 2 * (5 + 10 * 3 + 3 + 3) + HIDDEN,
}


@pytest.mark.parametrize("merge", PARAMETERS)
def test_parameters_are_those_of_the_layers(merge: str) -> None:
    assert network(numeric_encoding=merge).count_params() == PARAMETERS[merge]


@pytest.mark.parametrize("merge", ["none", "bin"])
def test_codes_of_numbers_stand_beside_columns_that_are_looked_up(merge: str) -> None:
    model = network(Features([3, 500], [QUANTILES], [[-1.0, 0.5]]), numeric_encoding=merge)
    given = {"categorical": np.array([[2, 499]], "int32"), "numeric": np.array([[0.5]], "float32")}
    assert model.get_layer("codes").output.dtype == "int32"
    assert np.asarray(model(given)).shape == (1, 1)


def test_numbers_as_categories_are_known_values_or_code_0() -> None:
    values = np.array([[-1.0, 0.25], [0.5, 0.26], [0.4, np.nan], [np.inf, 3.4e38]], dtype="float32")
    layer = ValueCodes([[-1.0, 0.0, 0.5], [0.25]])
    assert np.asarray(layer(values)).tolist() == [[1, 1], [3, 0], [0, 0], [0, 0]]
    assert layer.cardinalities == [4, 2]


def test_a_piece_is_how_far_a_value_has_come_through_its_bin() -> None:
    layer = PiecewiseEmbedding([[0.0, 1.0, 3.0], [5.0]], 2)
    shares = np.asarray(layer.features(np.array([[[2.0], [5.5]], [[-1.0], [4.0]], [[5.0], [5.0]]], dtype="float32")))
    # the first bin goes on below, the last above; a constant has one bin
    assert shares.tolist() == [[[1, 0.5], [0.5, 0]], [[-1, 0], [-1, 0]], [[1, 2], [0, 0]]]


def test_a_period_is_a_whole_turn() -> None:
    layer = PeriodicEmbedding(1, 2, 1.0, 3)
    layer.build((None, 1))
    layer.frequency.assign([[1.0, 0.25]])
    waves = np.asarray(layer.features(np.array([[[1.0]], [[0.5]]], dtype="float32")))
    np.testing.assert_allclose(waves, [[[0, 1, 1, 0]], [[0, 0.5**0.5, -1, 0.5**0.5]]], atol=1e-6)


@pytest.mark.parametrize(
    "layer", [PeriodicEmbedding(2, 4, 0.1, 3), PiecewiseEmbedding([[0.0, 1.0], [0.0, 2.0, 3.0]], 3)]
)
def test_a_missing_number_has_an_embedding_of_its_own(layer: keras.layers.Layer) -> None:
    found = np.asarray(layer(np.array([[np.nan, 1.0], [7.0, np.nan]], dtype="float32")))
    assert np.isfinite(found).all()
    layer.missing.assign([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])
    after = np.asarray(layer(np.array([[np.nan, 1.0], [7.0, np.nan]], dtype="float32")))
    assert after[0, :3].tolist() == [1, 2, 3]
    assert after[1, 3:].tolist() == [4, 5, 6]
    assert np.array_equal(after[0, 3:], found[0, 3:])


def test_a_wide_path_is_linear_in_the_numbers() -> None:
    model, given = network(numeric_encoding="wide"), inputs()
    logits = keras.Model(model.inputs, model.get_layer("sum").output)
    before = np.asarray(logits(given))
    moved = np.asarray(logits({**given, "numeric": given["numeric"] + np.float32([0, 2])}))
    slope = float(np.asarray(model.get_layer("wide").kernel)[1, 0])
    np.testing.assert_allclose(moved - before, np.full_like(before, 2 * slope), atol=1e-5)


def test_the_order_of_layers_is_dense_norm_activation_dropout() -> None:
    model = network(batch_norm=True, activation="gelu")
    names = [layer.name for layer in model.layers]
    parts = [f"{part}_{number}" for number in (1, 2) for part in ("hidden", "batch_norm", "activation", "dropout")]
    assert names[-10:] == [*parts, "output", "probability"]
    assert model.get_layer("activation_2").activation is keras.activations.gelu


def test_members_are_averaged_and_differ() -> None:
    model = embedding_mlp(FEATURES, HEAD, mlp(), ensemble_size=3)
    each = [np.asarray(member(inputs())) for member in members_of(model)]
    assert len(each) == 3
    assert not np.array_equal(each[0], each[1])
    np.testing.assert_allclose(np.asarray(model(inputs())), np.mean(each, axis=0), rtol=1e-6)
    single = network()
    assert members_of(single) == [single]


def test_bfloat16_is_near_and_can_be_left() -> None:
    keras.utils.set_random_seed(1)
    model = embedding_mlp(FEATURES, HEAD, mlp(), precision="bfloat16")
    keras.utils.set_random_seed(1)
    exact = np.asarray(network()(inputs()))
    rounded = np.asarray(model(inputs()))
    assert rounded.dtype == np.float32
    assert not np.array_equal(rounded, exact)
    np.testing.assert_allclose(rounded, exact, atol=0.01)
    to_float32(model)
    assert np.array_equal(np.asarray(model(inputs())), exact)


def test_columns_of_one_kind_are_enough() -> None:
    codes, numbers = network(Features([3], [], []), hidden_layers=0), network(Features([], [QUANTILES], [[0.0]]))
    assert [tensor.name for tensor in codes.inputs] == ["categorical"]
    assert [tensor.name for tensor in numbers.inputs] == ["numeric"]


@pytest.mark.parametrize("size", [3, 50])
def test_embedding_dropout_drops_whole_embeddings(size: int) -> None:
    layer = EmbeddingDense([size], [4], 4, 0.5)
    codes = np.ones((4000, 1), dtype="int32")
    whole = np.asarray(layer(codes, training=False))
    dropped = np.asarray(layer(codes, training=True))
    is_gone = (dropped == np.asarray(layer.bias)).all(axis=1)
    assert abs(is_gone.mean() - 0.5) < 0.03
    np.testing.assert_allclose(dropped[~is_gone], 2 * whole[~is_gone], rtol=1e-5)  # the rest counts for it
    assert not np.array_equal(np.asarray(layer(codes, training=True)), dropped)


@pytest.mark.slow
@pytest.mark.parametrize(
    "changes", [*({"numeric_encoding": merge} for merge in PARAMETERS), {"embedding_dim": "auto"}], ids=str
)
@pytest.mark.parametrize("members", [1, 2])
def test_save_and_reload(tmp_path: Path, changes: dict[str, object], members: int) -> None:
    model = embedding_mlp(FEATURES, HEAD, mlp(batch_norm=True, **changes), ensemble_size=members)
    save_model(model, tmp_path / "a.keras")
    assert np.array_equal(load_model(tmp_path / "a.keras").predict_on_batch(inputs()), model.predict_on_batch(inputs()))
    save_model(model, tmp_path / "b.keras")
    assert (tmp_path / "a.keras").read_bytes() == (tmp_path / "b.keras").read_bytes()
    assert len(list(tmp_path.iterdir())) == 2


def test_smoothed_and_weighted_losses_are_those_of_their_definition() -> None:
    target, output = np.array([1.0, 0.0], "float32"), np.array([[0.8], [0.4]], "float32")
    # smoothing .2: targets .9 and .1; weights 1 and 3
    losses = [-(0.9 * np.log(0.8) + 0.1 * np.log(0.2)), -(0.1 * np.log(0.4) + 0.9 * np.log(0.6))]
    assert float(HEAD.loss(0.2)(target, output)) == pytest.approx(np.mean(losses), rel=1e-5)
    weighted = HEAD.loss(0.2, [1.0, 3.0])
    assert float(weighted(target, output)) == pytest.approx((3 * losses[0] + losses[1]) / 2, rel=1e-5)
    output = np.array([[0.7, 0.2, 0.1]], "float32")
    expected = -0.7 * np.log(0.2) - 0.3 * np.mean(np.log([0.7, 0.2, 0.1]))
    assert float(Multiclass(["a", "b", "c"]).loss(0.3)(target[:1], output)) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("layers", [0, 1, 2])
def test_members_that_share_weights_are_networks_of_their_own(layers: int) -> None:
    ensemble, given = network(ensemble=3, hidden_layers=layers), inputs()
    single = network(hidden_layers=layers)
    first = "hidden_1" if layers else "output"
    shared, alone = ensemble.get_layer(first), single.get_layer(first)
    shared.bias.assign(np.random.default_rng(1).normal(size=shared.bias.shape))
    assert set(np.unique(np.asarray(shared.scale))) == {-1.0, 1.0}
    of_members = np.asarray(before_mean(ensemble)(given))
    assert of_members.shape == (64, 3, 1)
    alone.tables["4"].assign(shared.tables["4"])
    for name in [f"hidden_{number}" for number in range(2, layers + 1)]:
        single.get_layer(name).set_weights(ensemble.get_layer(name).get_weights())
    for member in range(3):
        alone.kernel.assign(np.asarray(shared.kernel) * np.asarray(shared.scale)[:, member, None])
        alone.bias.assign(np.asarray(shared.bias)[member])
        if layers:
            single.get_layer("output").set_weights(
                [weight[member] for weight in ensemble.get_layer("output").get_weights()]
            )
        np.testing.assert_allclose(of_members[:, member], np.asarray(single(given)), atol=1e-6)
    np.testing.assert_allclose(np.asarray(ensemble(given)), of_members.mean(axis=1), atol=1e-6)
    assert len(np.unique(of_members.round(6), axis=1)[0]) == 3  # they differ from the start


def test_a_network_without_members_is_trained_as_it_is() -> None:
    model = network()
    assert before_mean(model) is model
