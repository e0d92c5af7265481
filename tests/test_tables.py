"""Own tables by config alone: guessed columns, every kind of target and split, bad rows named by their line."""

import csv
import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
import pytest
from conftest import write_tiny
from stages import Stages
from tiny import tiny

from pipeline.data import DataError
from pipeline.data.file_format import FileFormat
from pipeline.data.splits import split_given, split_times
from pipeline.families.table.data.arrays import Arrays
from pipeline.families.table.data.guessing import guess
from pipeline.families.table.data.schema import Schema
from pipeline.storage import MODELS, PROCESSED, RAW
from pipeline.tasks import TaskError, predictor_for
from pipeline.training import Checkpoints, make_deterministic

ROWS = 600
INFER: dict[str, Any] = {"data__columns": "infer", "data__calendar": [], "data__categorical": [], "data__numeric": []}


def write_houses(folder: Path, rows: int = ROWS) -> None:
    """Write a table with an id, a date, text, numbers, a code with leading zeros, an empty column and three targets."""
    random = np.random.default_rng(0)
    folder.mkdir(parents=True, exist_ok=True)
    day, town, size = random.integers(1, 29, rows), random.integers(4, size=rows), random.normal(100, 20, rows)
    rooms = random.integers(1, 7, rows)
    price = 1000 * (size + 20 * town + 5 * rooms + random.normal(0, 5, rows))
    grade = np.where(price < 130_000, "low", np.where(price < 170_000, "middle", "high"))
    with (folder / "houses.csv").open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(["house", "sold", "town", "area_code", "rooms", "size", "nothing", "price", "grade", "part"])
        for i in range(rows):
            part = ("train", "Validation", "test")[0 if i % 5 else 1 + i % 2]
            first = f"h{i}", f"2024-{1 + i % 3:02}-{day[i]:02}", f"t{town[i]}", f"0{town[i]}", rooms[i]
            writer.writerow([*first, f"{size[i]:.1f}", "", f"{price[i]:.0f}", grade[i], part])


def houses(**changes: Any) -> Stages:
    settings = {
        "data__source": {"name": "own", "folder": "data/own", "files": {"houses.csv": None, "new.parquet": None}},
        "data__main_file": "houses.csv",
        "data__joins": [],
        "data__target": "price",
        "data__id": "house",
        "data__drop": ["grade", "part"],
        "data__split": "random",
        "data__split_by": [],
        "train__epochs": 20,
        **INFER,
        **changes,
    }
    return Stages(tiny(**settings))


@pytest.fixture
def raw(workspace: Path) -> Path:
    write_houses(RAW)
    return workspace


def trained(task: Stages, folder: Path) -> None:
    task.preprocess()
    make_deterministic(1)
    model = task.build()
    task.train(model, None, Checkpoints(folder / "c"), lambda _record: None)
    task.save(model, MODELS)


def test_columns_are_guessed(raw: Path, capsys: pytest.CaptureFixture[str]) -> None:
    line = houses().preprocess()
    schema = Schema.load(PROCESSED)
    assert [c.name for c in schema.categorical] == ["sold_month", "sold_weekday", "town", "area_code", "rooms"]
    assert [c.name for c in schema.numeric] == ["sold_day_of_year", "sold_days", "size"]
    assert schema.kind == "regression"
    assert line.startswith("regression target price; 5 categorical and 3 numeric columns; rows: train 360")
    assert "column 'nothing' left out: no value" in capsys.readouterr().out
    assert schema.layout.features == ["area_code", "rooms", "size", "sold", "town"]


def test_what_is_listed_is_taken_as_said(raw: Path) -> None:
    houses(data__categorical=["size"], data__numeric=["rooms"], data__drop=["grade", "part", "sold"]).preprocess()
    schema = Schema.load(PROCESSED)
    assert [c.name for c in schema.categorical] == ["size", "town", "area_code"]
    assert [c.name for c in schema.numeric] == ["rooms"]
    with pytest.raises(DataError, match=r"houses\.csv in data/raw: no column 'town_name' \(did you mean 'town'\?\)"):
        houses(data__drop=["town_name"]).preprocess()


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        (["1", "2", "1"], "categorical"),
        ([str(i) for i in range(40)] * 2, "numeric"),
        (["0.5", "1", "1"], "numeric"),
        (["007", "008"] * 40, "categorical"),
        (["2024-01-01", "2024-02-30"], "categorical"),
        (["2024-01-01", "2024-02-28T10:00:00"], "date"),
        ([f"x{i}" for i in range(40)], "id"),
        ([str(i) for i in range(40)], "id"),
        ([None, None], "empty"),
        ([f"{i}.5" for i in range(40)] + ["?", "n/a", "1,234.5", "12,5"] * 1, "numeric"),
        ([f"€ {i}.5" for i in range(40)], "numeric"),
        ([str(i) for i in range(40)] * 2 + ["gone"] * 60, "numeric"),
        ([str(i) for i in range(40)] * 2 + ["left"] * 60, "numeric"),  # one word that means a missing value
        ([str(i) for i in range(40)] * 2 + ["left"] * 100, "categorical"),
        ([f"{i}" for i in range(40)] * 2 + ["a", "b", "c", "d"] * 5, "categorical"),
        ([f"{i}.5" for i in range(400)] + ["05"], "numeric"),
        ([f"2013/07/{i:02}" for i in range(1, 31)], "date"),
        (["20130704", "20130705"] * 40, "date"),
        (["20130704", "20139905"] * 40, "categorical"),
        ([f"Mr. {i} Smith" for i in range(40)], "text"),
        (["New York City", "San Francisco"] * 40, "categorical"),
    ],
)
def test_a_guess_by_values(values: list[str | None], kind: str) -> None:
    column = pa.chunked_array([pa.array(values, pa.string())])
    assert guess("x", column, FileFormat(missing_numbers=["gone"])).kind == kind


@pytest.mark.slow
def test_a_regression_learns_in_its_own_units(raw: Path) -> None:
    task = houses()
    trained(task, raw)
    schema = Schema.load(PROCESSED)
    assert schema.target_mean > 100_000
    evaluation = task.evaluate(MODELS)
    scores = evaluation.scores["test"].values
    assert set(scores) == {"rmse", "mae", "r2"}
    assert scores["r2"] > 0.5
    assert evaluation.curves.keys() == {"predicted_and_observed", "residuals"}
    rivals = {name: found.values["rmse"] for name, found in task.baselines()}
    assert rivals["constant"] == pytest.approx(schema.target_std, rel=0.2)
    assert rivals["linear"] < scores["rmse"]  # the prices are linear but for their noise
    assert rivals["lightgbm"] < rivals["constant"]


@pytest.mark.slow
def test_several_classes(raw: Path) -> None:
    task = houses(data__target="grade", data__drop=["price", "part"])
    trained(task, raw)
    schema = Schema.load(PROCESSED)
    assert (schema.kind, schema.classes) == ("multiclass", ["high", "low", "middle"])
    evaluation = task.evaluate(MODELS)
    scores = evaluation.scores["test"].values
    assert set(scores) == {"auc_macro", "log_loss", "accuracy"}
    assert scores["auc_macro"] > 0.8
    assert task.headline == "auc_macro"
    table = evaluation.predictions["test"]
    names = ["row", "target", "prediction", "probability_high", "probability_low", "probability_middle", "group"]
    assert table.column_names == names
    rivals = {name: found.values["auc_macro"] for name, found in task.baselines()}
    assert rivals["constant"] == 0.5
    assert rivals["linear"] > 0.8
    assert rivals["lightgbm"] > 0.8
    predictor_for(MODELS).predict_file(RAW / "houses.csv", Path("out.csv"), {"keep": "house"})
    first = pyarrow.csv.read_csv("out.csv").to_pylist()[0]
    likeliest = max(schema.classes, key=lambda name: first[f"probability_{name}"])
    assert (first["house"], first["prediction"]) == ("h0", likeliest)
    assert sum(first[f"probability_{name}"] for name in schema.classes) == pytest.approx(1)


def test_numbers_that_are_codes_are_classes_in_their_order(raw: Path) -> None:
    task = houses(data__target="rooms")
    task.preprocess()
    assert Schema.load(PROCESSED).classes == ["1", "2", "3", "4", "5", "6"]
    houses(data__target="rooms", data__problem_type="regression").preprocess()
    assert Schema.load(PROCESSED).kind == "regression"


def test_settings_that_the_target_contradicts_are_refused_together(raw: Path) -> None:
    task = houses(train__monitor="auc", train__label_smoothing=0.1, train__class_weights="balanced")
    task.preprocess()
    with pytest.raises(TaskError) as caught:
        task.check()
    first, second, third = str(caught.value).splitlines()
    assert first.startswith(
        "train.monitor: 'auc' is not a score of a regression target; set it to auto, or to one of rmse"
    )
    assert second == "train.label_smoothing: 0.1 requires classes, but 'price' is numeric; set it to 0.0"
    assert third == "train.class_weights: 'balanced' requires classes, but 'price' is numeric; set it to none"


def test_settings_without_columns_for_them_have_no_effect(raw: Path, capsys: pytest.CaptureFixture[str]) -> None:
    columns = {"data__columns": "listed", "data__calendar": []}
    towns = {**columns, "data__numeric": [], "data__categorical": ["town"]}
    houses(**towns).preprocess()
    expected = [layer.name for layer in houses(**towns).build().layers]
    for merge in ("wide", "bin", "piecewise", "periodic"):
        task = houses(**towns, model__numeric_encoding=merge, model__crosses="pairs")
        task.check()
        assert f"model.numeric_encoding={merge} has no effect: no column is numeric" in capsys.readouterr().out
        assert [layer.name for layer in task.build().layers] == expected
    numbers = {**columns, "data__numeric": ["size"], "data__categorical": [], "model__target_statistics": True}
    task = houses(**numbers)
    task.preprocess()
    task.check()
    assert "model.target_statistics=true has no effect: no column is categorical" in capsys.readouterr().out
    assert [tensor.name for tensor in task.build().inputs] == ["numeric"]


def test_members_side_by_side_and_within_are_refused(raw: Path) -> None:
    houses().preprocess()
    with pytest.raises(
        TaskError, match=r"2 networks cannot be trained side by side if each has members \(model.ensemble=3"
    ):
        houses(model__ensemble=3, train__ensemble_size=2).check()


@pytest.mark.parametrize("target", ["price", "grade"])
def test_the_loss_of_members_is_the_mean_of_their_own(raw: Path, target: str) -> None:
    weights = {} if target == "price" else {"train__class_weights": "balanced", "train__label_smoothing": 0.1}
    alone, together = (houses(data__target=target, **weights, model__ensemble=members) for members in (1, 3))
    alone.preprocess()
    train, random = Arrays.load(PROCESSED / "train"), np.random.default_rng(0)
    answers, outputs = np.asarray(train.target[:20]), random.random((20, 3, together.kind.units)).astype(np.float32)
    outputs /= outputs.sum(axis=-1, keepdims=True) if target == "grade" else 1
    of_each = [float(alone._loss(train.target)(answers, outputs[:, member])) for member in range(3)]
    assert float(together._loss(train.target)(answers, outputs)) == pytest.approx(np.mean(of_each), rel=1e-5)


def test_a_linear_path_alone_is_refused(raw: Path) -> None:
    columns = {"data__columns": "listed", "data__calendar": []}
    houses(**columns, data__categorical=[], data__numeric=["rooms"]).preprocess()
    with pytest.raises(TaskError, match="'wide' leaves nothing for the hidden layers"):
        houses(**columns, data__categorical=[], data__numeric=["rooms"], model__numeric_encoding="wide").check()


def test_time_holds_out_the_latest(raw: Path) -> None:
    line = houses(data__split="time", data__split_by=["sold"]).preprocess()
    days = {}
    for split in ("train", "val", "test"):
        column = Schema.load(PROCESSED).numeric[1]
        days[split] = Arrays.load(PROCESSED / split).numeric[:, 1].astype(float) * column.std + column.mean
    assert days["train"].max() < days["val"].min()
    assert days["val"].max() < days["test"].min()
    assert "held out: sold from 2024-03-" in line


def test_a_column_says_where_rows_belong(raw: Path) -> None:
    line = houses(data__split="given", data__split_by=["part"], data__drop=["grade"]).preprocess()
    schema = Schema.load(PROCESSED)
    assert schema.rows == {"train": 480, "val": 60, "test": 60}
    assert "part" not in schema.layout.features
    assert "held out: as the column part says" in line
    with pytest.raises(DataError, match="column 'town': 't0' does not name a split; expected one of train"):
        houses(data__split="given", data__split_by=["town"]).preprocess()


def test_splits_by_hand() -> None:
    assert split_times(np.array([50, 20, 10, 20]), 0.2, 0.1).tolist() == [0, 0, 1, 2]
    with pytest.raises(DataError, match="the test split is empty: 2 different values"):
        split_times(np.array([5, 5]), 0.4, 0.1)
    assert split_given(["Train", "dev", "test"], "x").tolist() == [0, 1, 2]
    with pytest.raises(DataError, match="no row is in the val split"):
        split_given(["train", "test"], "x")


def test_rows_without_a_target_get_a_submission(raw: Path) -> None:
    table = pyarrow.csv.read_csv(RAW / "houses.csv").slice(0, 20)
    pq.write_table(table.drop_columns(["price", "grade", "part"]), RAW / "new.parquet")
    task = houses(data__unlabelled="new.parquet", train__epochs=1)
    trained(task, raw)
    write_extras = task.evaluate(MODELS).write_extras
    assert write_extras is not None
    assert write_extras(raw) == "submission.csv: 20 rows of new.parquet"
    with (raw / "submission.csv").open(encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    assert [row["house"] for row in rows] == [f"h{i}" for i in range(20)]
    assert all(10_000 < float(row["price"]) < 500_000 for row in rows)
    assert houses(train__epochs=1).evaluate(MODELS).write_extras is None


def test_a_category_may_be_a_number_in_one_file_and_text_in_another(raw: Path) -> None:
    text = {"rooms": pa.string()}
    table = pyarrow.csv.read_csv(RAW / "houses.csv", convert_options=pyarrow.csv.ConvertOptions(column_types=text))
    pq.write_table(table.slice(0, 20), RAW / "new.parquet")
    trained(houses(train__epochs=1), raw)
    predictor_for(MODELS).predict_file(RAW / "new.parquet", Path("text.csv"), {})
    numbers = table.set_column(4, "rooms", table["rooms"].cast(pa.float64()))  # as pandas has it beside missing values
    pq.write_table(numbers.slice(0, 20), RAW / "new.parquet")
    predictor_for(MODELS).predict_file(RAW / "new.parquet", Path("numbers.csv"), {})
    assert Path("numbers.csv").read_bytes() == Path("text.csv").read_bytes()


def test_parquet_of_other_tools_is_read(raw: Path) -> None:
    """Text as large_string, numbers written as text, NaN for missing: what polars and pandas write."""
    houses().preprocess()
    expected = np.array(Arrays.load(PROCESSED / "train").numeric)
    table = pyarrow.csv.read_csv(
        RAW / "houses.csv", convert_options=pyarrow.csv.ConvertOptions(column_types={"area_code": pa.string()})
    )
    kinds = [pa.large_string() if kind == pa.string() else kind for kind in table.schema.types]
    table = table.cast(pa.schema(list(zip(table.column_names, kinds, strict=True))))
    size = pa.array([*table["size"].cast(pa.large_string()).to_pylist()[:-1], "NA"], pa.large_string())
    pq.write_table(table.set_column(5, "size", size), RAW / "houses.PQ")
    source = {"name": "own", "folder": "data/own", "files": {"houses.PQ": None}}
    houses(data__source=source, data__main_file="houses.PQ").preprocess()
    found = Arrays.load(PROCESSED / "train").numeric
    assert np.isnan(found[:, 2]).sum() <= 1
    assert np.nanmax(np.abs(found - expected)) < 0.1


def test_no_number_in_the_first_rows(raw: Path) -> None:
    for line, text in ((2, "nan"), (3, "inf")):
        size = (RAW / "houses.csv").read_text(encoding="utf-8").splitlines()[line - 1].split(",")[5]
        edited(RAW / "houses.csv", line, f",{size},", f",{text},")
    houses().preprocess()
    rows = json.loads((PROCESSED / "example.json").read_text())
    assert [row["size"] for row in rows[:2]] == [None, None]


def test_values_may_hold_line_breaks_wherever_a_block_ends(raw: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = {"data__columns": "listed", "data__categorical": ["town", "area_code", "rooms"], "data__numeric": ["size"]}
    task = houses(**data, data__problem_type="regression", data__drop=[])
    task.preprocess()
    expected = (PROCESSED / "train" / "categorical.npy").read_bytes()
    lines = (RAW / "houses.csv").read_text(encoding="utf-8").splitlines()
    text = [",".join([line, '"one\n""two"", three\n"' if i else "remark"]) for i, line in enumerate(lines)]
    (RAW / "houses.csv").write_text("\n".join(text) + "\n", encoding="utf-8")
    for size in (200, 333, 5000):
        monkeypatch.setattr("pipeline.data.reading.BLOCK", size)
        task.preprocess()
        assert (PROCESSED / "train" / "categorical.npy").read_bytes() == expected
    edited(RAW / "houses.csv", 23, "h7,", 'h7,"')
    with pytest.raises(DataError, match=r"houses\.csv: line 23: "):
        task.preprocess()


def test_a_calendar_that_nothing_uses_is_left_alone(raw: Path) -> None:
    when = [{"name": "sold", "columns": ["sold"], "parts": ["month"]}]
    houses(data__columns="listed", data__calendar=when, data__categorical=["town"], data__drop=[]).preprocess()
    assert Schema.load(PROCESSED).layout.features == ["town"]


def test_drop_wins(raw: Path) -> None:
    when = [{"name": "when", "columns": ["sold"], "parts": ["month"]}]
    listed = {"data__columns": "listed", "data__calendar": when, "data__categorical": ["town", "when_month", "rooms"]}
    houses(
        **listed, data__numeric=["size"], data__problem_type="regression", data__drop=["rooms", "sold", "size"]
    ).preprocess()
    assert Schema.load(PROCESSED).layout.inputs == ["town"]
    with pytest.raises(DataError, match=r"data\.drop: houses\.csv in data/raw: no column 'twon' \(did you mean 'town'"):
        houses(**listed, data__problem_type="regression", data__drop=["twon"]).preprocess()


def test_time_wants_dates_whose_order_is_known(raw: Path) -> None:
    text = (RAW / "houses.csv").read_text(encoding="utf-8")
    (RAW / "houses.csv").write_text(re.sub(r"2024-(\d\d)-(\d\d)", r"\1/\2/2024", text), encoding="utf-8")
    with pytest.raises(DataError, match=r"column 'sold': '0\d/\d\d/2024' cannot be ordered by time; expected numbers"):
        houses(data__split="time", data__split_by=["sold"]).preprocess()


def test_parquet_and_csv_give_the_same_arrays(raw: Path) -> None:
    houses().preprocess()
    by_csv = {name: np.array(Arrays.load(PROCESSED / "train").inputs[name]) for name in ("categorical", "numeric")}
    text = {"area_code": pa.string()}
    table = pyarrow.csv.read_csv(RAW / "houses.csv", convert_options=pyarrow.csv.ConvertOptions(column_types=text))
    pq.write_table(table, RAW / "houses.parquet")
    source = {"name": "own", "folder": "data/own", "files": {"houses.parquet": None}}
    houses(data__source=source, data__main_file="houses.parquet").preprocess()
    for name, array in by_csv.items():
        assert np.array_equal(array, Arrays.load(PROCESSED / "train").inputs[name], equal_nan=True)


def edited(path: Path, line: int, old: str, new: str) -> None:
    lines = path.read_text(encoding="utf-8").splitlines()
    assert old in lines[line - 1]
    lines[line - 1] = lines[line - 1].replace(old, new)
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


@pytest.mark.parametrize(
    ("line", "old", "new", "fault"),
    [
        (
            301,
            "2024-",
            "24-",
            r"houses\.csv: line 301: data\.calendar: sold: '24-.*' is not a date; expected dates like",
        ),
        (301, ",t", ',"t', r"houses\.csv: line 301: 3 values, expected 10"),
        (301, "h299", '"h299', r"houses\.csv: line 301: a quote is opened and not closed"),
        (301, ",t", ",,t", r"houses\.csv: line 301: 12 values, expected 10"),
        (301, "h299", "h\udc80", r"houses\.csv: line 301: not UTF-8"),
        (1, "town", "rooms", r"houses\.csv: line 1: 'rooms': several columns have the same name"),
    ],
)
def test_a_bad_row_is_named_by_its_line(raw: Path, line: int, old: str, new: str, fault: str) -> None:
    path = RAW / "houses.csv"
    lines = path.read_bytes().decode().splitlines()
    lines[line - 1] = lines[line - 1].replace(old, new)
    path.write_bytes("\n".join(lines).encode("utf-8", "surrogateescape"))
    when = [{"name": "when", "columns": ["sold"], "parts": ["month"]}]
    with pytest.raises(DataError, match=fault):
        houses(data__calendar=when, data__columns="listed", data__categorical=["when_month", "town"]).preprocess()
    assert not PROCESSED.exists()


def test_a_text_among_numbers_is_named_by_its_line(raw: Path) -> None:
    edited(RAW / "houses.csv", 400, ",,", ",,n/a")
    with pytest.raises(
        DataError, match=r"houses\.csv: line 400: column 'price': 'n/a.*' is not a number. .*data.missing"
    ):
        houses(data__problem_type="regression", data__columns="listed", data__categorical=["town"]).preprocess()


def test_a_class_that_training_lacks_is_named(raw: Path) -> None:
    edited(RAW / "houses.csv", 2, ",Validation", ",Validation")
    lines = (RAW / "houses.csv").read_text(encoding="utf-8").splitlines()
    number = next(i for i, line in enumerate(lines, start=1) if line.endswith(",Validation"))
    edited(RAW / "houses.csv", number, lines[number - 1].split(",")[8], "grand")
    with pytest.raises(DataError, match=rf"line {number}: column 'grade': 'grand' is a class of the val rows that no"):
        houses(data__target="grade", data__split="given", data__split_by=["part"], data__drop=["price"]).preprocess()


def test_a_very_long_value_is_a_category(raw: Path) -> None:
    edited(RAW / "houses.csv", 5, ",t", f",{'x' * 10_000}t")
    houses(data__min_count=1).preprocess()
    assert max(len(name) for name in Schema.load(PROCESSED).categorical[2].categories) > 10_000


def test_an_edited_cell_changes_what_is_fetched(workspace: Path) -> None:
    write_tiny(RAW)
    Stages(tiny()).preprocess()
    before = json.loads((PROCESSED / "schema.json").read_text())
    edited(RAW / "shops.csv", 2, "t0", "t9")
    Stages(tiny()).preprocess()
    assert json.loads((PROCESSED / "schema.json").read_text()) != before


def test_two_classes_are_several_where_the_settings_say_so(raw: Path) -> None:
    write_tiny(RAW)
    assert "binary target sold; " in Stages(tiny()).preprocess()
    assert "multiclass target sold (2 classes); " in Stages(tiny(data__problem_type="multiclass")).preprocess()
