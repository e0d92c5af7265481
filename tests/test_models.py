"""An embedding is one-hot @ W; one layer computes what a layer a column and a dense one over them compute."""

from pathlib import Path

import keras
import numpy as np
import pytest

from pipeline.models import (
    EmbeddingDense,
    Head,
    QuantileBins,
    ValueAndFlag,
    bin_edges,
    embedding_mlp,
    load_model,
    save_model,
)

SIZES = [3, 3, 4]
HEAD = Head("binary", 2, 0.5, 0.5)


def network(**changes: object) -> keras.Model:
    settings = {
        "embedding_dim": 4,
        "embedding_dropout": 0.2,
        "hidden_layers": 2,
        "hidden_units": 8,
        "dropout": 0.5,
        "merge": "concat",
        "bins": 4,
    }
    return embedding_mlp(SIZES, [list(np.linspace(-2, 2, 257))] * 2, HEAD, **{**settings, **changes})  # type: ignore[arg-type]


def inputs(rows: int = 64) -> dict[str, np.ndarray]:
    random = np.random.default_rng(0)
    codes = np.stack([random.integers(size, size=rows) for size in SIZES], axis=1).astype("int32")
    numbers = random.normal(size=(rows, 2)).astype("float32")
    numbers[::5, 0] = np.nan
    return {"categorical": codes, "numeric": numbers}


def by_a_layer_a_column(fused: EmbeddingDense, codes: np.ndarray, beside: np.ndarray | None) -> np.ndarray:
    """Compute with Keras' own Embedding and Dense layers what the fused one does, from its weights."""
    parts, start = [], 0
    table, kernel = np.asarray(fused.table), np.asarray(fused.kernel)
    for column, size in enumerate(fused.cardinalities):
        single = keras.layers.Embedding(size, fused.dim)
        single.build((None,))
        single.set_weights([table[start : start + size]])
        parts.append(np.asarray(single(codes[:, column])))
        start += size
    in_order = [parts[column] for column in fused.columns] + ([] if beside is None else [beside])
    dense = keras.layers.Dense(fused.units)
    dense.build((None, kernel.shape[0]))
    dense.set_weights([kernel, np.asarray(fused.bias)])
    return np.asarray(dense(np.concatenate(in_order, axis=1)))


@pytest.mark.parametrize("sizes", [[3, 3, 4], [4, 100, 2, 9, 5, 300], [1000], [2, 2]])
def test_one_layer_equals_a_layer_a_column(sizes: list[int]) -> None:
    """Few categories are multiplied as one-hot rows, many are looked up; both are the same function."""
    random = np.random.default_rng(0)
    codes = np.stack([random.integers(size, size=50) for size in sizes], axis=1).astype("int32")
    beside = random.normal(size=(50, 3)).astype("float32")
    for other in (beside, None):
        fused = EmbeddingDense(sizes, 4, 6, 0.2)
        found = np.asarray(fused(codes) if other is None else fused(codes, other))
        np.testing.assert_allclose(found, by_a_layer_a_column(fused, codes, other), rtol=1e-5, atol=1e-6)


def test_an_embedding_is_one_hot_times_its_matrix() -> None:
    fused = EmbeddingDense([5, 40], 3, 2, 0.0)
    codes = np.array([[0, 7], [4, 39], [2, 0]], dtype="int32")
    found = np.asarray(fused(codes))
    table, kernel = np.asarray(fused.table), np.asarray(fused.kernel)
    small, large = np.eye(5)[codes[:, 0]] @ table[:5], np.eye(40)[codes[:, 1]] @ table[5:]
    np.testing.assert_allclose(found, small @ kernel[:3] + large @ kernel[3:], rtol=1e-5)


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


@pytest.mark.parametrize("merge", ["concat", "bin"])
def test_parameters_are_those_of_the_layers(merge: str) -> None:
    rows = sum(SIZES) + (0 if merge == "concat" else 2 * (3 + 2))
    width = 4 * (3 if merge == "concat" else 5) + (4 if merge == "concat" else 0)
    assert network(merge=merge).count_params() == rows * 4 + (width + 1) * 8 + 9 * 8 + 9


def test_columns_of_one_kind_are_enough() -> None:
    settings = {"embedding_dim": 2, "embedding_dropout": 0.0, "hidden_layers": 0, "hidden_units": 1, "dropout": 0.0}
    codes = embedding_mlp([3], [], HEAD, merge="concat", bins=4, **settings)  # type: ignore[arg-type]
    numbers = embedding_mlp([], [[0.0] * 257], HEAD, merge="concat", bins=4, **settings)  # type: ignore[arg-type]
    assert [tensor.name for tensor in codes.inputs] == ["categorical"]
    assert [tensor.name for tensor in numbers.inputs] == ["numeric"]


@pytest.mark.parametrize("size", [3, 50])
def test_embedding_dropout_drops_whole_embeddings(size: int) -> None:
    layer = EmbeddingDense([size], 4, 4, 0.5)
    codes = np.ones((4000, 1), dtype="int32")
    whole = np.asarray(layer(codes, training=False))
    dropped = np.asarray(layer(codes, training=True))
    is_gone = (dropped == np.asarray(layer.bias)).all(axis=1)
    assert abs(is_gone.mean() - 0.5) < 0.03
    np.testing.assert_allclose(dropped[~is_gone], 2 * whole[~is_gone], rtol=1e-5)  # the rest counts for it
    assert not np.array_equal(np.asarray(layer(codes, training=True)), dropped)


@pytest.mark.parametrize("merge", ["concat", "bin"])
def test_save_and_reload(tmp_path: Path, merge: str) -> None:
    model = network(merge=merge)
    save_model(model, tmp_path / "a.keras")
    assert np.array_equal(load_model(tmp_path / "a.keras").predict_on_batch(inputs()), model.predict_on_batch(inputs()))
    save_model(model, tmp_path / "b.keras")
    assert (tmp_path / "a.keras").read_bytes() == (tmp_path / "b.keras").read_bytes()
    assert len(list(tmp_path.iterdir())) == 2
