"""The report of the quality suite, by hand, and what the suite reads and writes."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

from benchmarks._quality_report import Result, critical_difference, mean_ranks, report
from benchmarks.quality_suite import _outputs, _without
from pipeline.families.table.metrics.kinds import kind_of


def result(table: str, ours: float, rival: float, other: float) -> Result:
    values = {"Onehot": ours, "A": rival, "B": other}
    noise = np.random.default_rng(0).normal(0, 0.01, (2, 500))
    return Result(
        table,
        1000,
        "auc",
        {name: np.array([value, value]) for name, value in values.items()},
        {name: value + noise for name, value in values.items()},
        dict.fromkeys(values, 7.0),
    )


RESULTS = [result("one", 0.9, 0.8, 0.8), result("two", 0.7, 0.75, 0.6)]


def test_ranks_are_shared_by_ties() -> None:
    assert mean_ranks(RESULTS, ["Onehot", "A", "B"]) == {"Onehot": 1.5, "A": 1.75, "B": 2.75}


def test_the_critical_difference_is_that_of_nemenyi() -> None:
    # Demšar (2006), table 5: q is 2.343 for three models, 2.728 for five.
    assert critical_difference(3, 10) == pytest.approx(2.343 * np.sqrt(3 * 4 / 60), rel=1e-3)
    assert critical_difference(5, 14) == pytest.approx(2.728 * np.sqrt(5 * 6 / 84), rel=1e-3)


def test_a_gain_is_paired() -> None:
    # The noise is that of both models, so the difference has none.
    assert RESULTS[0].gain("Onehot", "A") == pytest.approx((0.1, 0.1, 0.1))


def test_the_report_names_the_best_rival_and_who_is_ahead() -> None:
    lines = report(RESULTS, ["Onehot", "A", "B"], ["two"], {"machine": "here", "versions": "A 1"}).splitlines()
    one = next(line for line in lines if line.startswith("| one |"))
    assert one == (
        "| one | 1,000 | auc | 0.9000 (7 s) | 0.8000 (7 s) | 0.8000 (7 s) | +0.1000 (+0.1000 to +0.1000) A |"
    )
    assert any(line.startswith("| two * |") and "-0.0500 (-0.0500 to -0.0500) A |" in line for line in lines)
    assert "| A | 1.75 | 2.50 | 1 | 1 |" in lines
    assert "| Onehot | 1.50 | 1.00 | | |" in lines


@pytest.mark.parametrize("kind", ["binary", "multiclass", "regression"])
def test_the_outputs_of_a_network_are_read_back(tmp_path: Path, kind: str) -> None:
    classes = {"binary": ["no", "yes"], "multiclass": ["1", "2", "3"], "regression": []}[kind]
    schema: Any = SimpleNamespace(kind=kind, classes=classes, target_mean=1.0, target_std=2.0)
    output = np.random.default_rng(0).random((7, kind_of(schema).units)).astype(np.float32)
    pq.write_table(kind_of(schema).predictions(output), tmp_path / "test.parquet")
    np.testing.assert_array_equal(_outputs(tmp_path / "test.parquet", schema), output)


def test_a_table_without_some_rows_is_otherwise_the_same(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text('name,n\n"x, y", 01\nNA,2.50\nz,\n', encoding="utf-8")
    (tmp_path / "part").mkdir()
    written = _without(tmp_path / "a.csv", np.array([1]), tmp_path / "part")
    assert written.read_text(encoding="utf-8") == 'name,n\n"x, y", 01\nz,\n'
