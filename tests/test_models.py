"""An embedding is one-hot @ W; one fused table computes what a layer a column computes."""

from pathlib import Path

import keras
import numpy as np
import pytest

from pipeline.models import (
    FusedEmbedding,
    Head,
    QuantileBins,
    ValueAndFlag,
    bin_edges,
    embedding_mlp,
    load_model,
    save_model,
)

CODES = np.array([[0, 2, 1], [1, 0, 3], [2, 2, 0]], dtype="int32")
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


def test_an_embedding_is_one_hot_times_its_matrix() -> None:
    layer = FusedEmbedding([5], 3)
    codes = np.array([[0], [4], [2]], dtype="int32")
    embedded = np.asarray(layer(codes))
    one_hot = np.eye(5, dtype="float32")[codes[:, 0]]
    assert np.array_equal(embedded[:, 0], one_hot @ np.asarray(layer.table))


def test_one_fused_table_equals_a_layer_a_column() -> None:
    fused = FusedEmbedding(SIZES, 4)
    together = np.asarray(fused(CODES))
    table, start = np.asarray(fused.table), 0
    for column, size in enumerate(SIZES):
        single = keras.layers.Embedding(size, 4)
        single.build((None,))
        single.set_weights([table[start : start + size]])
        assert np.array_equal(together[:, column], np.asarray(single(CODES[:, column])))
        start += size


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


def test_embedding_dropout_drops_whole_embeddings() -> None:
    model = network(embedding_dropout=0.5)
    parts = keras.Model(model.inputs, model.get_layer("embedding_dropout").output)
    dropped = np.asarray(parts(inputs(2000), training=True)) == 0
    assert np.array_equal(dropped.all(axis=-1), dropped.any(axis=-1))
    assert abs(dropped.mean() - 0.5) < 0.05
    assert not (np.asarray(parts(inputs(2000), training=False)) == 0).any()


@pytest.mark.parametrize("merge", ["concat", "bin"])
def test_save_and_reload(tmp_path: Path, merge: str) -> None:
    model = network(merge=merge)
    save_model(model, tmp_path / "a.keras")
    assert np.array_equal(load_model(tmp_path / "a.keras").predict_on_batch(inputs()), model.predict_on_batch(inputs()))
    save_model(model, tmp_path / "b.keras")
    assert (tmp_path / "a.keras").read_bytes() == (tmp_path / "b.keras").read_bytes()
    assert len(list(tmp_path.iterdir())) == 2
