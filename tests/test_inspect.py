"""Look into a network: what is written agrees with what the network computes."""

import csv
import shutil
from pathlib import Path

import numpy as np
import pyarrow.csv
import pyarrow.parquet as pq
import pytest
import yaml
from conftest import write_tiny
from stages import Stages
from tiny import tiny

from pipeline.config import dump
from pipeline.data import DataError
from pipeline.inspect import arguments, inspect
from pipeline.models import load_model, parts_of, summary, write_pictures
from pipeline.storage import MODELS, RAW, PipelineError
from pipeline.tasks import predictor_for
from pipeline.training import make_deterministic

pytestmark = pytest.mark.slow

FOLDER = Path("reports/inspect")
ROWS = str(RAW / "rows.csv")


def look(*words: str) -> None:
    inspect(arguments().parse_intermixed_args(list(words)))


def saved(**changes: object) -> None:
    """Save a network as the train stage does, and the params.yaml behind it."""
    config = tiny(**changes)
    task = Stages(config)
    task.preprocess()
    make_deterministic(1)
    task.save(task.build(), MODELS)
    Path("params.yaml").write_text(dump(config), encoding="utf-8")


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def units(name: str) -> np.ndarray:
    table = pq.read_table(FOLDER / "outputs" / f"{name}.parquet").drop_columns(["batch", "row"])
    return np.stack([column.to_numpy() for column in table.columns], axis=1)


@pytest.fixture
def raw(workspace: Path) -> Path:
    write_tiny(RAW)
    return workspace


def test_weights_are_written_by_layer_and_the_kernel_s_rows_are_named(raw: Path) -> None:
    saved()
    look("--input", ROWS, "--rows", "100")
    with np.load(FOLDER / "weights.npz") as archive:
        weights = {name: archive[name] for name in archive.files}
    for found, expected in zip(weights.values(), load_model(MODELS / "model.keras").weights, strict=True):
        assert np.array_equal(found, np.asarray(expected))
    table = rows_of(FOLDER / "weights.csv")
    assert [f"{row['layer']}/{row['weight']}" for row in table] == list(weights)
    assert table[0]["shape"] == "31x4"  # 12 shops, 5 colours, 3 towns, 7 weekdays, a code 0 each
    assert float(table[1]["max"]) == pytest.approx(weights["hidden_1/kernel"].max(), rel=1e-5)
    # the first layer by hand, from what is written alone: rows of the table by code, times rows of the kernel by column
    codes, values = (pq.read_table(FOLDER / "outputs" / f"{name}.parquet") for name in ("categorical", "values"))
    total = weights["hidden_1/bias"].copy()
    for row in rows_of(FOLDER / "columns.csv"):
        kernel = weights["hidden_1/kernel"][int(row["kernel_first"]) : int(row["kernel_last"]) + 1]
        if row["table"]:
            rows = codes[row["column"]].to_numpy() + int(row["table_first"])
            total = total + weights[f"hidden_1/{row['table']}"][rows] @ kernel
        else:
            total = total + values[row["column"]].to_numpy()[:, None] @ kernel
    assert values.column_names[-1] == "shop_size is missing"
    np.testing.assert_allclose(units("hidden_1"), total, atol=1e-5)
    np.testing.assert_allclose(units("activation_1"), np.maximum(total, 0), atol=1e-5)


def test_outputs_are_those_of_predict_batch_by_batch(raw: Path) -> None:
    saved()
    look("--input", ROWS, "--batch", "300", "--layer", "probability", "--rows", "2000")
    predictor_for(MODELS).predict_file(Path(ROWS), Path("out.csv"), {})
    expected = pyarrow.csv.read_csv("out.csv")["probability"].to_numpy()
    np.testing.assert_allclose(units("probability")[:, 0], expected, atol=1e-6)
    table = pq.read_table(FOLDER / "outputs" / "probability.parquet")
    assert table["row"].to_pylist() == list(range(1, 2001))
    assert np.bincount(table["batch"].to_numpy()).tolist() == [300] * 6 + [200]
    assert sorted(path.name for path in (FOLDER / "outputs").iterdir()) == ["probability.parquet"]


def test_outputs_as_arrays(raw: Path) -> None:
    saved()
    look("--input", ROWS, "--rows", "500", "--batch", "300", "--layer", "dropout_1", "--format", "npz")
    with np.load(FOLDER / "outputs" / "dropout_1.npz") as archive:
        assert {name: archive[name].shape for name in archive.files} == {
            "batch_00000": (300, 8),
            "batch_00001": (200, 8),
        }


def test_in_training_phase_all_layers_have_seen_the_same_dropout(raw: Path) -> None:
    saved()
    look("--input", ROWS, "--phase", "train", "--rows", "2000")
    dropped, kept = units("dropout_1"), units("activation_1")
    is_kept = dropped != 0
    np.testing.assert_allclose(dropped[is_kept], 2 * kept[is_kept], rtol=1e-5)
    assert abs(is_kept[kept > 0].mean() - 0.5) < 0.03
    embedded = units("hidden_1/embeddings").reshape(2000, 4, 4)
    gone = (embedded == 0).all(axis=2)
    assert abs(gone.mean() - 0.2) < 0.02
    with np.load(FOLDER / "weights.npz") as archive:
        kernel, bias = archive["hidden_1/kernel"], archive["hidden_1/bias"]
    order = {"shop": 0, "colour": 1, "shop_town": 2, "when_weekday": 3}
    columns = [order[row["column"]] for row in rows_of(FOLDER / "columns.csv")[:4]]
    by_hand = np.concatenate([embedded[:, columns].reshape(2000, 16), units("values")], axis=1) @ kernel + bias
    np.testing.assert_allclose(units("hidden_1"), by_hand, atol=1e-5)


def test_in_training_phase_a_seed_repeats_the_dropout(raw: Path) -> None:
    saved()
    found = []
    for seed in ("1", "1", "2"):
        look("--input", ROWS, "--phase", "train", "--rows", "50", "--layer", "dropout_1", "--seed", seed)
        found.append(units("dropout_1"))
    assert np.array_equal(found[0], found[1])
    assert not np.array_equal(found[0], found[2])


def test_a_new_network_is_shown_in_float32(raw: Path) -> None:
    saved(train__precision="bfloat16")
    shutil.rmtree(MODELS)
    look("--input", ROWS, "--rows", "50", "--layer", "hidden_1")
    assert units("hidden_1").dtype == np.float32


def test_members_are_looked_into_one_by_one(raw: Path) -> None:
    saved(train__ensemble_size=2)
    layers = [f"--layer={name}" for name in ("member_1/probability", "member_2/probability", "average")]
    for phase in ("train", "test"):
        look("--input", ROWS, *layers, "--embedding", "colour", "--phase", phase)
        mean = (units("member_1/probability") + units("member_2/probability")) / 2
        np.testing.assert_allclose(units("average"), mean, atol=1e-6)
    assert len(rows_of(FOLDER / "embeddings" / "colour.csv")[0]) == 1 + 2 * 4
    assert {row["layer"] for row in rows_of(FOLDER / "columns.csv")} == {"member_1/hidden_1", "member_2/hidden_1"}


def test_embeddings_have_names_and_neighbours(raw: Path) -> None:
    saved()
    look("--embedding", "shop", "--neighbours", "3")
    table = rows_of(FOLDER / "embeddings" / "shop.csv")
    names = [row["category"] for row in table]
    assert names[0] == "(unknown or missing)"
    assert sorted(names[1:]) == sorted(f"s{number}" for number in range(12))
    vectors = np.array([[float(row[f"dimension_{index}"]) for index in range(4)] for row in table])
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    cosine = unit @ unit.T - 2 * np.eye(len(unit))
    neighbours = rows_of(FOLDER / "embeddings" / "shop_neighbours.csv")
    assert len(neighbours) == 3 * 13
    for row in neighbours:
        order = np.argsort(-cosine[names.index(row["category"])])
        nearest = order[int(row["rank"]) - 1]
        assert row["neighbour"] == names[nearest]
        assert float(row["cosine"]) == pytest.approx(cosine[names.index(row["category"]), nearest], abs=1e-5)
    assert (FOLDER / "embeddings" / "shop.png").read_bytes()[:4] == b"\x89PNG"


@pytest.mark.parametrize(
    ("merge", "first", "second"), [("bin", "(missing)", "< "), ("none", "(unknown or missing)", "100")]
)
def test_numbers_that_are_embedded_have_names_too(raw: Path, merge: str, first: str, second: str) -> None:
    saved(model__numeric_encoding=merge)
    look("--embedding", "shop_size")
    names = [row["category"] for row in rows_of(FOLDER / "embeddings" / "shop_size.csv")]
    assert names[0] == first
    assert names[1].startswith(second)
    if merge == "none":
        assert names[1:] == [str(size) for size in range(100, 111)]
    else:
        assert names[-1].startswith(">= ")


def test_without_a_trained_network_a_new_one_is_shown(raw: Path, capsys: pytest.CaptureFixture[str]) -> None:
    saved()
    look()
    assert "the trained network in models\n" in capsys.readouterr().out
    other = yaml.safe_load(Path("params.yaml").read_text(encoding="utf-8"))
    other["data"]["min_count"] = 2
    Path("params.yaml").write_text(yaml.safe_dump(other), encoding="utf-8")
    Stages(tiny(data__min_count=2)).preprocess()
    look()
    assert "an untrained network from params.yaml: models holds a network for other data" in capsys.readouterr().out
    shutil.rmtree(MODELS)
    look()
    shown = capsys.readouterr().out
    assert "an untrained network from params.yaml: there is no folder models" in shown
    assert "embedding_mlp: " in shown
    assert "hidden_1      EmbeddingDense, 4 embeddings of 4  n × 4, n × 4 → n × 8" in shown


@pytest.mark.parametrize(
    ("words", "fault"),
    [
        (
            ["--input", ROWS, "--layer", "hiden_1"],
            r"--layer: no layer 'hiden_1' \(did you mean 'hidden_1'\?\); available: ",
        ),
        (["--layer", "hidden_1", "--batch", "5"], "--layer, --batch: --input is missing"),
        (["--neighbours", "5"], "--neighbours: --embedding is missing"),
        (["-o", "data"], "--output: data is not a report and would be overwritten; name a new folder"),
        (["--embedding", "color"], r"no embeddings of 'color' \(did you mean 'colour'\?\); available: colour, shop"),
        (["--embedding", "price"], "no embeddings of 'price'"),
        (["train.epochs=2", "--model", "models"], "OVERRIDES build an untrained network and --model names a "),
        (["--input", ROWS, "--batch", "0"], "--batch: must be at least 1, received 0"),
    ],
)
def test_what_cannot_be_shown_is_told(raw: Path, words: list[str], fault: str) -> None:
    saved()
    with pytest.raises(PipelineError, match=fault):
        look(*words)
    assert not FOLDER.exists()


def test_rows_that_lack_a_column_are_refused(raw: Path) -> None:
    saved()
    Path("few.csv").write_text("date,shop,price\n2024-01-01,s1,3\n", encoding="utf-8")
    with pytest.raises(DataError, match=r"few.csv: no column 'colour'"):
        look("--input", "few.csv")
    Path("none.csv").write_text("date,shop,colour,price\n", encoding="utf-8")
    with pytest.raises(PipelineError, match=r"none.csv: no rows"):
        look("--input", "none.csv")


def test_the_bundled_picture_needs_no_system_package(
    raw: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shutil.which", lambda _name: None)
    model = task_for_network()
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        assert write_pictures(model, tmp_path / folder) == "matplotlib"
    svg = (tmp_path / "a" / "network.svg").read_bytes()
    assert svg == (tmp_path / "b" / "network.svg").read_bytes()
    assert (tmp_path / "a" / "network.png").read_bytes()[:4] == b"\x89PNG"
    assert svg.startswith(b"<?xml")


@pytest.mark.skipif(shutil.which("dot") is None, reason="graphviz is not installed")
def test_the_picture_by_graphviz(raw: Path, tmp_path: Path) -> None:
    assert write_pictures(task_for_network(), tmp_path) == "graphviz"
    assert "hidden_1" in (tmp_path / "network.svg").read_text(encoding="utf-8")
    assert (tmp_path / "network.png").read_bytes()[:4] == b"\x89PNG"


def test_a_summary_names_layers_shapes_parameters_and_parents(raw: Path) -> None:
    model = task_for_network(model__numeric_encoding="wide", model__batch_norm=True)
    parts = {part.name: part for part in parts_of(model)}
    assert parts["hidden_1"].parents == ["categorical"]
    assert parts["wide"].parents == ["values"]
    assert sorted(parts["sum"].parents) == ["output", "wide"]
    assert parts["wide"].shapes == "n × 4 → n × 1"
    assert parts["wide"].parameters == 4
    assert sum(part.parameters for part in parts.values()) == model.count_params()
    assert f"embedding_mlp: {model.count_params():,} parameters, 16 of them non-trainable statistics" in summary(model)


def task_for_network(**changes: object):  # type: ignore[no-untyped-def]
    task = Stages(tiny(**changes))
    task.preprocess()
    return task.build()
