"""Raw rows in, probabilities out: order and ids kept, whatever the rows hold."""

import csv
import shutil
from pathlib import Path

import numpy as np
import pyarrow.csv
import pytest
from conftest import write_tiny
from stages import Stages
from tiny import tiny

from pipeline import predict
from pipeline.data import DataError, reading
from pipeline.families.table.data.layout import SIDES
from pipeline.storage import MODELS, PROCESSED, RAW, PipelineError, seal
from pipeline.tasks import TaskError, predictor_for
from pipeline.training import Checkpoints, make_deterministic

pytestmark = pytest.mark.slow

NEW = """date,shop,colour,price
2024-03-01,s1,c1,9.5
2024-03-02,never seen,,NA
2024-03-03,s2,c4,12
"""


@pytest.fixture
def trained(workspace: Path) -> Path:
    write_tiny(RAW)
    task = Stages(tiny(train__epochs=1))
    task.preprocess()
    make_deterministic(1)
    model = task.build()
    task.train(model, None, Checkpoints(workspace / "c"), lambda _record: None)
    task.save(model, MODELS)
    (workspace / "new.csv").write_text(NEW, encoding="utf-8")
    return workspace


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def test_order_and_ids_are_kept(trained: Path) -> None:
    predict.predict(Path("new.csv"), Path("out.csv"), {"keep": "date,shop"}, "models")
    found = rows(Path("out.csv"))
    assert [(row["date"], row["shop"]) for row in found] == [
        ("2024-03-01", "s1"),
        ("2024-03-02", "never seen"),
        ("2024-03-03", "s2"),
    ]
    assert all(0 < float(row["probability"]) < 1 for row in found)
    predict.predict(Path("new.csv"), Path("out.csv"), {}, "models")
    assert [row["row"] for row in rows(Path("out.csv"))] == ["1", "2", "3"]


def test_in_batches_as_at_once_and_as_at_training(trained: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole, parts = Path("whole.csv"), Path("parts.csv")
    predictor_for(MODELS).predict_file(RAW / "rows.csv", whole, {})
    monkeypatch.setattr(reading, "BLOCK", 2000)
    predictor_for(MODELS).predict_file(RAW / "rows.csv", parts, {})
    by_file = [float(row["probability"]) for row in rows(whole)]
    assert [row["row"] for row in rows(parts)] == [str(i) for i in range(1, 2001)]
    assert np.allclose(by_file, [float(row["probability"]) for row in rows(parts)], atol=1e-6)
    # The rows of the test split, scored by the stage that evaluates, are among them.
    evaluated = Stages(tiny()).evaluate(MODELS).predictions["test"]["probability"].to_pylist()
    assert np.isin(np.round(evaluated, 5), np.round(by_file, 5)).mean() > 0.99


def test_joined_columns_in_the_rows_are_taken_as_they_are(trained: Path) -> None:
    table = pyarrow.csv.read_csv("new.csv")
    table = table.append_column("shop_town", [["t1", None, "t2"]]).append_column("shop_size", [[101, None, 102]])
    pyarrow.csv.write_csv(table, "joined.csv")
    predict.predict(Path("new.csv"), Path("a.csv"), {}, "models")
    (RAW / "shops.csv").unlink()
    predict.predict(Path("joined.csv"), Path("b.csv"), {}, "models")
    assert Path("a.csv").read_text() == Path("b.csv").read_text()


def test_the_side_tables_travel_with_the_network(trained: Path) -> None:
    predict.predict(Path("new.csv"), Path("a.csv"), {}, "models")
    shutil.copytree(MODELS, "elsewhere")
    shutil.rmtree(RAW)
    shutil.rmtree(PROCESSED)
    predict.predict(Path("new.csv"), Path("b.csv"), {}, "elsewhere")
    assert Path("a.csv").read_text() == Path("b.csv").read_text()
    shutil.rmtree(Path("elsewhere") / SIDES)
    seal(Path("elsewhere"))
    with pytest.raises(DataError, match=r"new\.csv: no column 'shop_size'.*'shop_town'.*; available: colour, date"):
        predict.predict(Path("new.csv"), Path("c.csv"), {}, "elsewhere")


@pytest.mark.parametrize(
    ("content", "keep", "fault"),
    [
        (NEW.replace("colour", "color"), "", r"no column 'colour' \(did you mean 'color'\?\)"),
        (NEW, "dates", r"no column 'dates' \(did you mean 'date'\?\)"),
        (NEW.replace("9.5", "nine"), "", r"column 'price': .*'nine'"),
        (NEW.replace("2024-03-03", "soon"), "", r"data.calendar: date: .*expected dates like 2013-12-31"),
    ],
)
def test_bad_rows_leave_no_output(trained: Path, content: str, keep: str, fault: str) -> None:
    (trained / "new.csv").write_text(content, encoding="utf-8")
    with pytest.raises(DataError, match=fault):
        predict.predict(Path("new.csv"), Path("out.csv"), {"keep": keep}, "models")
    assert not list(trained.glob("*out.csv*"))


def test_bad_places_are_named(trained: Path) -> None:
    with pytest.raises(PipelineError, match=r"new\.csv is the input; name another file"):
        predict.predict(Path("new.csv"), Path("./new.csv"), {}, "models")
    (trained / "empty").mkdir()
    with pytest.raises(TaskError, match=r"empty: no trained network .*`dvc repro` writes one to models/"):
        predict.predict(Path("new.csv"), Path("out.csv"), {}, "empty")
    with pytest.raises(PipelineError, match="no run 'ffff'; available: none"):
        predict.predict(Path("new.csv"), Path("out.csv"), {}, "ffff")
    shutil.rmtree(MODELS)
    with pytest.raises(PipelineError, match="models: no such folder; `dvc repro` trains a network"):
        predict.predict(Path("new.csv"), Path("out.csv"), {}, "models")
