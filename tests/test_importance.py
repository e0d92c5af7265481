"""Permutation importance of columns."""

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import write_tiny
from stages import Stages
from tiny import tiny

from pipeline.config import dump
from pipeline.data import DataError
from pipeline.inspect import main as inspect
from pipeline.metrics import Importance, permutation_importance
from pipeline.metrics.importance import related_columns
from pipeline.storage import MODELS, RAW
from pipeline.tasks.report import importance_table, most_important
from pipeline.train import train

ROWS = 2000
RANDOM = np.random.default_rng(3)
SIZE = RANDOM.normal(size=ROWS)
CODES = RANDOM.integers(0, 4, ROWS)
COLUMNS = {
    "size": SIZE,
    "size in inches": np.exp(SIZE / 2.54),  # the same, by its ranks
    "noise": RANDOM.normal(size=ROWS),
    "colour": CODES,
    "paint": np.array([7, 5, 3, 1])[CODES],  # the same under other names
    "shop": RANDOM.integers(0, 900, ROWS),
}


def importances(weights: dict[str, float]) -> dict[str, Any]:
    """Return the importances for a model that adds its columns up, scored by the squared error."""
    target = sum(weight * COLUMNS[name] for name, weight in weights.items())

    def score_with(names: Sequence[str], order: Any) -> Any:
        values = {name: values[order] if name in names else values for name, values in COLUMNS.items()}
        error = (sum(weight * values[name] for name, weight in weights.items()) - target) ** 2
        return lambda weight: {"error": float(np.average(error, weights=weight))}

    group = np.arange(ROWS) // 2
    found = permutation_importance(score_with, COLUMNS, group, "error", 0.95, higher_is_better=False)
    assert [each.value for each in found] == sorted((each.value for each in found), reverse=True)
    return {each.name: each for each in found}


def test_a_shuffled_column_costs_what_the_model_makes_of_it() -> None:
    found = importances({"size": 2.0, "noise": 0.5})
    # The mean squared difference of two independent values is twice the variance.
    assert found["size"].value == pytest.approx(2 * 4 * SIZE.var(), rel=0.05)
    assert found["noise"].value == pytest.approx(2 * 0.25 * COLUMNS["noise"].var(), rel=0.05)
    assert found["size"].low < found["size"].value < found["size"].high
    assert found["noise"].high < found["size"].low
    assert found["colour"].value == found["colour"].low == found["colour"].high == 0


def test_columns_that_say_the_same_are_also_shuffled_together() -> None:
    assert related_columns(COLUMNS) == [["size", "size in inches"], ["colour", "paint"]]
    # The model reads both: together they cost more than the sum of each.
    found = importances({"size": 1.0, "size in inches": 1.0})
    alone = found["size"].value + found["size in inches"].value
    assert found["size + size in inches"].value > 1.3 * alone


def test_missing_numbers_and_constant_columns_have_a_place() -> None:
    holes = np.where(np.arange(ROWS) % 2 == 0, np.nan, SIZE)
    columns = {"size": SIZE, "with holes": holes, "constant": np.zeros(ROWS), "one code": np.zeros(ROWS, np.int32)}
    assert related_columns(columns) == []
    assert related_columns({"a": holes, "b": -holes}) == [["a", "b"]]


def test_few_rows_of_unrelated_columns_are_not_related() -> None:
    random = np.random.default_rng(0)
    for rows in (15, 25, 60):
        columns = {f"c{number}": random.normal(size=rows) for number in range(5)}
        columns |= {f"d{number}": random.integers(0, 9, rows) for number in range(5)}
        assert related_columns(columns) == []


def test_the_summary_names_a_set_or_its_columns() -> None:
    found = [
        Importance(["a", "b"], 3.0, 2.0, 4.0),
        Importance(["a"], 1.0, 0.5, 1.5),
        Importance(["c"], 0.5, 0.1, 0.9),
        Importance(["d"], 0.1, -0.1, 0.3),
    ]
    assert most_important(found) == "a + b 3.0000, c 0.5000"


@pytest.mark.parametrize("folds", [1, 2])
def test_evaluate_ranks_the_columns_of_a_table(workspace: Path, folds: int) -> None:
    write_tiny(RAW)
    task = Stages(tiny(data__folds=folds, train__epochs=4))
    task.preprocess()
    train(task.config)
    evaluation = task.evaluate(MODELS)
    found = {each.name: each.value for each in evaluation.importances}
    assert set(found) >= {"colour", "price", "shop_town"}
    assert found["price"] > 0.01  # the target is logistic in colour, price and town
    rows = list(csv.DictReader(importance_table(evaluation.importances).splitlines()))
    assert [row["columns"] for row in rows] == [each.name for each in evaluation.importances]
    assert float(rows[0]["low"]) <= float(rows[0]["importance"]) <= float(rows[0]["high"])


def test_inspect_tells_the_importance_for_a_trained_network(
    workspace: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    write_tiny(RAW)
    task = Stages(tiny(train__epochs=2))
    task.preprocess()
    train(task.config)
    (workspace / "params.yaml").write_text(dump(task.config), encoding="utf-8")
    monkeypatch.setattr("sys.argv", ["inspect", "--importance"])
    inspect()
    said = capsys.readouterr().out
    assert "tiny: importance of columns for auc, validation rows" in said
    assert "  price\n" in said
    assert (workspace / "reports" / "inspect" / "importance.csv").is_file()
    monkeypatch.setattr("sys.argv", ["inspect", "--importance", "experiment=flights"])
    with pytest.raises(SystemExit):
        inspect()
    assert "was prepared with other settings" in capsys.readouterr().err


def test_slices_are_those_of_any_column(workspace: Path) -> None:
    write_tiny(RAW)
    task = Stages(tiny(train__epochs=1, evaluate__slices=["colour", "price", "sold"]))
    task.preprocess()
    train(task.config)
    slices = task.evaluate(MODELS).slices
    assert {each.column for each in slices} == {"colour", "price", "sold"}
    colours = [each for each in slices if each.column == "colour"]
    assert sum(each.share for each in colours) == pytest.approx(1)
    assert all(0 < each.low <= each.high < 1 for each in colours)
    with pytest.raises(DataError, match=r"evaluate\.slices: .* has no column 'color' \(did you mean 'colour'\?\)"):
        Stages(tiny(evaluate__slices=["color"])).evaluate(MODELS)
