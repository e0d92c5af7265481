"""Columns taken together and statistics of the target: what they are, that they leak nothing, what is refused."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
from conftest import write_tiny
from hypothesis import given, settings
from hypothesis import strategies as some
from stages import Stages
from test_config import faults
from tiny import tiny

from pipeline.families.table.data.crosses import crossed, fit_crosses, most_codes
from pipeline.families.table.data.crossing import Cross, read_crosses, to_bytes, with_crosses
from pipeline.families.table.data.statistics import ordered, statistics
from pipeline.models import Probe, output_names, summary
from pipeline.storage import AUDIT, MODELS, PROCESSED, RAW, write_json
from pipeline.tasks import TaskError
from pipeline.training import Checkpoints, make_deterministic
from pipeline.training.determinism import epoch_order

pytestmark = pytest.mark.slow

CODES = np.array([[1, 2, 0], [1, 2, 1], [2, 1, 0], [1, 1, 1], [2, 1, 2], [2, 1, 0]], np.int32)


def test_which_columns_are_taken_together() -> None:
    assert crossed("none", [], 4) == []
    assert crossed("pairs", [], 3) == [(0, 1), (0, 2), (1, 2)]
    assert crossed("triples", [], 3) == [(0, 1), (0, 2), (1, 2), (0, 1, 2)]
    assert crossed("none", [[2, 0], [0, 2]], 3) == [(0, 2)]


def test_combinations_are_counted_and_rare_ones_are_unknown() -> None:
    (cross,) = fit_crosses(CODES, [3, 3, 3], [(0, 1)], 1)
    assert cross == Cross((0, 1), (3, 3), cross.known)
    assert cross.known.tolist() == [4, 5, 7]  # 1·3+1, 1·3+2, 2·3+1
    assert cross.codes(CODES).tolist() == [2, 2, 3, 1, 3, 3]
    assert cross.parts(3) == [2, 1]
    (rare,) = fit_crosses(CODES, [3, 3, 3], [(0, 1)], 2)
    assert rare.codes(CODES).tolist() == [1, 1, 2, 0, 2, 2]
    assert rare.codes(np.array([[0, 0, 0], [2, 2, 2]], np.int32)).tolist() == [0, 0]  # never seen
    assert with_crosses(CODES, [rare])[3].tolist() == [1, 1, 1, 0]
    assert fit_crosses(CODES, [3, 3, 3], [(0, 1)], 9) == []  # nothing is known
    assert most_codes(6, [3, 3, 3], (0, 1), 2) == 4  # three of two rows each at most, and the unknown one
    assert most_codes(600, [3, 3, 3], (0, 1), 2) == 10


def test_a_column_that_tells_the_other_is_crossed_in_vain() -> None:
    town, shop = np.array([1, 1, 2, 2]), np.array([1, 2, 3, 4])
    codes = np.stack([town, shop, np.array([1, 2, 1, 2])], axis=1).astype(np.int32)
    # With the town, shop and the third say what they say without it.
    assert [cross.columns for cross in fit_crosses(codes, [3, 5, 3], crossed("triples", [], 3), 1)] == [(0, 2)]


def test_crosses_are_read_as_they_were_written(tmp_path: Path) -> None:
    crosses = fit_crosses(CODES, [3, 3, 3], crossed("triples", [], 3), 1)
    (tmp_path / "crosses.npz").write_bytes(to_bytes(crosses))
    again = read_crosses(tmp_path)
    assert [(a.columns, a.sizes, a.known.tolist()) for a in again] == [
        (a.columns, a.sizes, a.known.tolist()) for a in crosses
    ]
    assert to_bytes(again) == to_bytes(crosses)


def test_ordered_statistics_by_hand() -> None:
    codes, targets = np.array([1, 1, 2, 1]), np.array([[1.0], [0.0], [1.0], [1.0]])
    order, each_its_own = np.array([3, 2, 1, 0]), np.arange(4)
    means = ordered(codes, targets, each_its_own, order, np.array([0.75]))
    # One row of the mean of all besides the rows before: rows 3 and 1 before row 0, row 3 before row 1.
    assert means[:, 0].tolist() == [(1 + 0 + 0.75) / 3, (1 + 0.75) / 2, 0.75, 0.75]
    # Rows 1 and 3 are of one person: neither is told of the other, and row 0 of both.
    means = ordered(codes, targets, np.array([2, 0, 1, 0]), np.array([3, 1, 2, 0]), np.array([0.75]))
    assert means[:, 0].tolist() == [(1 + 0 + 0.75) / 3, 0.75, 0.75, 0.75]


def test_statistics_of_all_rows_by_hand() -> None:
    codes, targets = np.array([[1], [1], [2], [1]], np.int32), np.array([[1.0], [0.0], [1.0], [1.0]])
    tables = statistics(codes, targets, np.arange(4), [3], seed=1).tables
    # (2 + .75) / 4 and (1 + .75) / 2, less .75, and nothing of the unknown: in the ratio -1 : 2.
    assert tables[0, 0] == 0
    assert tables[2, 0] == pytest.approx(-2 * tables[1, 0])
    assert tables[2, 0] > 0
    logs = np.log([1, 4, 2])  # of none, three rows and one
    of_rows = logs[[1, 1, 2, 1]]
    np.testing.assert_allclose(tables[:, 1], (logs - of_rows.mean()) / of_rows.std(), rtol=1e-5)


def test_what_training_never_saw_is_no_further_away_than_what_is_rare() -> None:
    random = np.random.default_rng(0)
    codes = 1 + np.arange(7000, dtype=np.int32)[:, None] % 7  # each as often as the others; nothing is missing
    found = statistics(codes, random.integers(2, size=(7000, 1)).astype(float), np.arange(7000), [8], seed=1)
    assert np.abs(found.tables).max() <= 5
    assert np.abs(found.rows).max() <= 5


@settings(max_examples=50, deadline=None)
@given(some.data())
def test_a_rows_own_answer_never_reaches_the_statistics_of_its_group(data: some.DataObject) -> None:
    rows = data.draw(some.integers(2, 30))
    codes = np.array(data.draw(some.lists(some.integers(0, 3), min_size=rows, max_size=rows)), np.int32)
    answers = np.array(data.draw(some.lists(some.integers(0, 1), min_size=rows, max_size=rows)), np.float64)
    groups = np.array(data.draw(some.lists(some.integers(0, 9), min_size=rows, max_size=rows)))
    row, seed = data.draw(some.integers(0, rows - 1)), data.draw(some.integers(0, 99))
    other = answers.copy()
    other[row] = 1 - other[row]
    mean = np.array([0.5])  # that of all hangs on every answer; it is the same for all rows
    draw = np.random.default_rng(seed).permutation(10)
    order = np.argsort(draw[groups], kind="stable")
    before, after = (ordered(codes, each[:, None], groups, order, mean) for each in (answers, other))
    assert (before == after)[groups == groups[row]].all()
    # And it does reach those of later groups' rows of its category.
    later = np.flatnonzero((draw[groups] > draw[groups[row]]) & (codes == codes[row]))
    assert all(before[r] != after[r] for r in later)


def test_training_rows_are_not_told_what_all_rows_say() -> None:
    """Each category has one row with each answer: from all rows, all are alike; from those before, none is."""
    codes = 1 + np.arange(2000, dtype=np.int32)[:, None] // 2
    answers = (np.arange(2000) % 2).astype(np.float64)[:, None]
    found = statistics(codes, answers, np.arange(2000), [1001], seed=1)
    assert np.ptp(found.tables[:, 0]) == 0
    assert np.ptp(found.rows[:, 0]) > 1
    # The orders are not those of the epochs' batches.
    assert not np.array_equal(np.random.default_rng([1, 0, 2]).permutation(2000), epoch_order(1, 0, 2000))


SETTINGS: dict[str, Any] = {
    "model__crosses": "pairs",
    "model__target_statistics": True,
    "train__epochs": 1,
    "train__ensemble_size": 2,
}


def trained(**changes: Any) -> Stages:
    write_tiny(RAW)
    task = Stages(tiny(**{**SETTINGS, **changes}))
    task.preprocess()
    task.check()
    make_deterministic(1)
    model = task.build()
    task.train(model, None, Checkpoints(Path("c")), lambda _record: None)
    task.save(model, MODELS)
    return task


@pytest.mark.parametrize("merge", ["none", "piecewise", "wide"])
def test_a_prediction_from_raw_rows_is_that_of_the_evaluation(workspace: Path, merge: str) -> None:
    task = trained(model__numeric_encoding=merge)
    predictor: Any = task.trained_predictor(MODELS)
    assert [tensor.name for tensor in predictor.model.inputs] == ["categorical", "numeric"]
    predictor.predict_file(RAW / "rows.csv", Path("out.csv"), {})
    found = np.sort(np.loadtxt("out.csv", delimiter=",", skiprows=1)[:, 1])
    for table in task.evaluate(MODELS).predictions.values():
        evaluated = table["probability"].to_numpy()
        assert len(evaluated) > 50
        nearest = np.abs(found[:, None] - evaluated).min(axis=0)
        assert nearest.max() < 1e-6
        assert np.ptp(evaluated) > 0.01
    # shop tells its town: their cross says nothing more.
    assert "shop × colour" in predictor.embedded()
    assert "shop × shop_town" not in predictor.embedded()
    vectors = predictor.embedding("shop × colour")
    assert vectors.names[0] == "(unknown or missing)"
    assert "s1 × c1" in vectors.names
    assert vectors.vectors.shape == (len(vectors.names), 2 * 4)


def test_statistics_are_of_the_training_rows_alone(workspace: Path) -> None:
    task: Any = trained()
    table = task.trained_predictor(MODELS).model.get_layer("target_statistics").table.numpy()
    for split in ("val", "test"):
        path = PROCESSED / split / "target.npy"
        np.save(path, 1 - np.load(path))
    again: Any = Stages(tiny(**SETTINGS))
    np.testing.assert_array_equal(again.statistics.tables, table)
    path = PROCESSED / "train" / "target.npy"
    np.save(path, 1 - np.load(path))
    assert not np.array_equal(Stages(tiny(**SETTINGS)).statistics.tables, table)  # type: ignore[attr-defined]


def test_an_evaluation_takes_the_crosses_of_the_training(workspace: Path) -> None:
    task = trained()
    scores = task.evaluate(MODELS).scores["test"]
    assert Stages(tiny(**{**SETTINGS, "model__cross_min_count": 50})).evaluate(MODELS).scores["test"] == scores
    (MODELS / "crosses.npz").unlink()
    with pytest.raises(TaskError, match=r"takes \d columns of codes, schema.json has 4 and crosses.npz 0;"):
        task.trained_predictor(MODELS)


@pytest.mark.parametrize(("merge", "members"), [("concat", 1), ("bin", 2)])
def test_what_the_layers_put_out_can_be_looked_at(workspace: Path, merge: str, members: int) -> None:
    task = trained(model__numeric_encoding=merge, train__ensemble_size=members)
    predictor: Any = task.trained_predictor(MODELS)
    inside = "embedding_mlp/member_2/" if members > 1 else "embedding_mlp/"
    names = ["target_statistics", f"{inside}hidden_1", f"{inside}hidden_1/embeddings", f"{inside}probability"]
    assert set(names) <= set(output_names(predictor.model))
    (inputs, *_) = predictor.batches(RAW / "rows.csv", 50)
    found = Probe(predictor.model, [*names, *(["embedding_mlp/average"] if members > 1 else [])])(
        inputs, training=False
    )
    units = predictor.unit_names()
    assert found["target_statistics"].shape == (50, len(units["target_statistics"]))
    assert units["target_statistics"][:2] == ["shop: mean", "shop: rows"]
    assert found[f"{inside}hidden_1"].shape == (50, 8)
    whole = predictor.model.predict_on_batch(inputs)
    last = found["embedding_mlp/average" if members > 1 else f"{inside}probability"]
    np.testing.assert_allclose(last, whole, atol=1e-6)
    if merge == "concat":
        assert units[f"{inside}numbers"][:4] == ["price", "shop_size", "price is missing", "shop_size is missing"]
    assert any("hidden_1" in line for line in summary(predictor.model).splitlines())


def test_what_cannot_be_crossed_is_told_before_anything_runs(workspace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert faults("model.cross_columns=[[carrier,carrier]]") == [
        "model.cross_columns: ['carrier', 'carrier']: 'carrier' is listed twice"
    ]
    write_tiny(RAW)
    Stages(tiny()).preprocess()
    with pytest.raises(TaskError, match=r"no categorical column 'colours' \(did you mean 'colour"):
        Stages(tiny(model__cross_columns=[["shop", "colours"]])).check()
    free = psutil.virtual_memory()._replace(available=1000)
    monkeypatch.setattr(psutil, "virtual_memory", lambda: free)
    with pytest.raises(TaskError, match=r"4 columns and 6 crosses with up to \d+ codes take up to 0.0 GB"):
        Stages(tiny(model__crosses="pairs")).check()


def test_statistics_of_an_answer_are_warned_of(workspace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_tiny(RAW)
    task = Stages(tiny(model__target_statistics=True))
    task.preprocess()
    found = json.loads(AUDIT.read_text(encoding="utf-8"))
    write_json(AUDIT, {**found, "warnings": [{"kind": "leak", "subject": "colour", "text": "tells the target"}]})
    task.check()
    assert capsys.readouterr().out.endswith("train: warning: model.target_statistics: colour: tells the target\n")
