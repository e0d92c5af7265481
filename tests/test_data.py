"""From files to codes: joins, calendar, vocabularies, and what is refused."""

import gzip
import json
import zipfile
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from conftest import write_tiny
from tiny import tiny

from pipeline.data import Arrays, DataError, Schema, encode_categorical, encode_numeric, fetch
from pipeline.data.calendar import calendar
from pipeline.data.encoding import fit_categorical, fit_numeric
from pipeline.data.joins import join
from pipeline.data.reading import read
from pipeline.data.schema import Categorical, Numeric
from pipeline.storage import PROCESSED, RAW
from pipeline.tasks import TaskError, task_for


def test_a_join_keeps_rows_and_order_and_leaves_gaps() -> None:
    main = pa.table({"plane": ["b", "x", "a", None], "year": ["1", "2", "3", "4"]})
    side = pa.table({"plane": ["a", "b"], "year": [1990.0, 2000.0]})
    joined = join(main, side, ["plane"], "plane_", "planes.csv")
    assert joined["plane_year"].to_pylist() == [2000.0, None, 1990.0, None]
    assert joined["year"].to_pylist() == ["1", "2", "3", "4"]


def test_a_join_on_two_columns_does_not_confuse_them() -> None:
    main = pa.table({"a": ["x", "xy"], "b": ["yz", "z"]})
    side = pa.table({"a": ["x", "xy"], "b": ["yz", "z"], "v": [1.0, 2.0]})
    assert join(main, side, ["a", "b"], "s_", "side")["s_v"].to_pylist() == [1.0, 2.0]


def test_a_key_that_stands_twice_in_a_side_table_is_refused() -> None:
    side = pa.table({"plane": ["a", "a"], "year": [1.0, 2.0]})
    with pytest.raises(DataError, match=r"planes.csv: 1 keys \(plane\) stand in several rows, for example a"):
        join(pa.table({"plane": ["a"]}), side, ["plane"], "plane_", "planes.csv")


def test_a_joined_column_does_not_hide_another() -> None:
    main = pa.table({"plane": ["a"], "plane_year": ["1"]})
    with pytest.raises(DataError, match="'plane_year' exists already; choose another prefix"):
        join(main, pa.table({"plane": ["a"], "year": [1.0]}), ["plane"], "plane_", "planes.csv")


def test_a_missing_key_finds_no_row() -> None:
    side = pa.table({"plane": pa.array([None, None, "a"], pa.string()), "year": [1.0, 2.0, 3.0]})
    main = pa.table({"plane": pa.array([None, "a"], pa.string())})
    assert join(main, side, ["plane"], "plane_", "planes.csv")["plane_year"].to_pylist() == [None, 3.0]


def test_calendar_columns() -> None:
    table = pa.table({"y": ["2013", "2013"], "m": ["1", "12"], "d": ["1", "31"], "t": ["2013-01-06T23:00:00Z", None]})
    parts = ["weekday", "day_of_year", "week"]
    assert calendar(table, "x", ["y", "m", "d"], parts).select(
        ["x_weekday", "x_day_of_year", "x_week"]
    ).to_pylist() == [
        {"x_weekday": 1, "x_day_of_year": 1, "x_week": 1},  # a Tuesday
        {"x_weekday": 1, "x_day_of_year": 365, "x_week": 1},
    ]
    assert calendar(table, "t", ["t"], ["weekday"])["t_weekday"].to_pylist() == [6, None]  # a Sunday
    with pytest.raises(DataError, match="expected dates like 2013-12-31"):
        calendar(pa.table({"t": ["yesterday"]}), "t", ["t"], ["weekday"])


def test_codes_start_with_the_unknown_and_the_most_frequent() -> None:
    values = pa.chunked_array([["b", "a", "b", "c", "d", "d", None, "z"]])
    train = np.array([True] * 7 + [False])
    column = fit_categorical("x", values, train, min_count=1)
    assert column.categories == ["b", "d", "a", "c"]
    assert encode_categorical(pa.table({"x": values}), [column])[:, 0].tolist() == [1, 3, 1, 4, 2, 2, 0, 0]
    assert fit_categorical("x", values, train, min_count=2).categories == ["b", "d"]


def test_numbers_are_standardised_by_the_training_rows() -> None:
    values = pa.chunked_array([[1.0, 3.0, None, 100.0]])
    column = fit_numeric("x", values, np.array([True, True, True, False]))
    assert (column.mean, column.std) == (2.0, 1.0)
    encoded = encode_numeric(pa.table({"x": values}), [column])[:, 0]
    assert encoded.tolist()[:2] == [-1.0, 1.0]
    assert np.isnan(encoded[2])
    assert encoded[3] == 98.0
    assert column.quantiles[0] == -1.0
    assert column.quantiles[-1] == 1.0
    constant = fit_numeric("x", pa.chunked_array([[0.1] * 10]), np.array([True] * 10))
    assert encode_numeric(pa.table({"x": [1.1]}), [constant])[0, 0] == pytest.approx(1.0)
    with pytest.raises(DataError, match="column 'x': no number in the training rows"):
        fit_numeric("x", values, np.array([False, False, True, False]))


def test_plain_gz_and_zip_read_alike(tmp_path: Path) -> None:
    content = b"\xef\xbb\xbfa,b\r\n1,x\r\nNA,\r\n"  # with a byte order mark and Windows line ends
    (tmp_path / "t.csv").write_bytes(content)
    with gzip.open(tmp_path / "t.csv.gz", "wb") as stream:
        stream.write(content)
    with zipfile.ZipFile(tmp_path / "t.csv.zip", "w") as archive:
        archive.writestr("t.csv", content)
    for path in tmp_path.iterdir():
        assert read(path, ["b", "a"], ["a"], ["", "NA"]).to_pylist() == [{"b": "x", "a": 1.0}, {"b": None, "a": None}]


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        ("", "the file is empty"),
        ("a,b\n", "no rows"),
        ("a,b\n1,x\ntwo,y\n", r"column 'a': .*'two'.*move the column to data.categorical"),
        ("a,b\n1\n", r"Expected 2 columns, got 1"),
        ("a;b\n1;x\n", r"one column, 'a;b': its values seem to be separated by ';', expected commas"),
    ],
)
def test_a_damaged_file_is_named(tmp_path: Path, content: str, fault: str) -> None:
    path = tmp_path / "rows.csv"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(DataError, match=rf"rows\.csv: .*{fault}"):
        read(path, ["a", "b"], ["a"], [""])


@pytest.mark.parametrize("content", ["a,b\n1,é\n", "a,é\n1,x\n"], ids=["value", "header"])
def test_another_encoding_is_named(tmp_path: Path, content: str) -> None:
    (tmp_path / "rows.csv").write_bytes(content.encode("latin-1"))
    with pytest.raises(DataError, match=r"rows\.csv: .*not UTF-8"):
        read(tmp_path / "rows.csv", ["a", "b"], ["a"], [""])


def test_a_damaged_gz_is_named(tmp_path: Path) -> None:
    (tmp_path / "rows.csv.gz").write_bytes(gzip.compress(b"a,b\n1,x\n")[:-9])
    with pytest.raises(DataError, match=r"rows\.csv\.gz: "):
        read(tmp_path / "rows.csv.gz", ["a", "b"], ["a"], [""])


def test_a_torn_archive_is_named(tmp_path: Path) -> None:
    (tmp_path / "rows.csv.zip").write_bytes(b"PK\x03\x04 torn")
    with pytest.raises(DataError, match=r"rows\.csv\.zip: damaged"):
        read(tmp_path / "rows.csv.zip", ["a"], [], [""])


def test_fetch_checks_content_and_writes_nothing_half(workspace: Path) -> None:
    write_tiny(workspace / "own", rows=10)
    with pytest.raises(DataError, match=r"rows\.csv: damaged or of another version: sha256 is .*, expected 00"):
        fetch("own", {"shops.csv": None, "rows.csv": "00"}, Path("own"), RAW)
    assert not RAW.exists()
    with pytest.raises(DataError, match=r"own/row\.csv: no such file \(it holds rows\.csv, shops\.csv\)"):
        fetch("own", {"row.csv": None}, Path("own"), RAW)
    assert list(RAW.parent.iterdir()) == []


def test_fetch_looks_into_the_mirror_first(workspace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (workspace / "mirror" / "own").mkdir(parents=True)
    (workspace / "mirror" / "own" / "a.csv").write_text("mirrored")
    monkeypatch.setenv("PIPELINE_MIRROR", str(workspace / "mirror"))
    fetch("own", {"a.csv": None}, Path("nowhere"), RAW)
    assert (RAW / "a.csv").read_text() == "mirrored"


def prepared(**changes: object) -> Schema:
    config = tiny(**changes)
    write_tiny(RAW)
    task_for(config).preprocess()
    return Schema.load(PROCESSED)


def test_preprocess_holds_out_whole_days(workspace: Path) -> None:
    schema = prepared()
    arrays = {split: Arrays.load(PROCESSED / split) for split in ("train", "val", "test")}
    groups = {split: set(a.group.tolist()) for split, a in arrays.items()}
    assert not groups["train"] & groups["test"]
    assert not groups["train"] & groups["val"]
    assert not groups["val"] & groups["test"]
    assert {split: len(g) for split, g in groups.items()} == schema.groups == {"train": 18, "val": 6, "test": 6}
    assert schema.dropped_without_target == 40
    assert sum(schema.rows.values()) == 1960
    assert schema.classes == ["no", "yes"]


def test_schema_survives_a_round_trip(workspace: Path) -> None:
    schema = prepared()
    schema.save(workspace)
    assert Schema.load(workspace) == schema


def test_example_rows_are_raw(workspace: Path) -> None:
    prepared()
    row = json.loads((PROCESSED / "example.json").read_text())[0]
    assert set(row) == {"colour", "date", "price", "shop", "shop_size", "shop_town"}


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"data__categorical": ["shop", "color"]}, r"no column 'color' \(did you mean 'colour'\?\); there is"),
        (
            {"data__target": "colour", "data__categorical": ["shop"]},
            r"column 'colour': expected two classes, received 5",
        ),
        ({"data__target": "price", "data__target_at_least": 1000, "data__numeric": []}, "are of one class"),
        ({"data__numeric": ["colour"], "data__categorical": ["shop"]}, r"rows\.csv: column 'colour': .*'c\d'"),
        (
            {"data__joins": [{"file": "shops.csv", "key": ["store"], "prefix": "shop_"}]},
            r"rows\.csv: no column 'store'.*; shops\.csv is joined on it",
        ),
        ({"data__split_by": ["shop"], "data__validation_fraction": 0.01}, "the val split is empty: 12 groups"),
    ],
)
def test_bad_input_leaves_nothing_behind(workspace: Path, changes: dict[str, object], fault: str) -> None:
    with pytest.raises(DataError, match=fault):
        prepared(**changes)
    assert not PROCESSED.exists()
    assert [p.name for p in PROCESSED.parent.iterdir()] == ["raw"]


def test_data_prepared_under_another_configuration_is_refused(workspace: Path) -> None:
    prepared()
    with pytest.raises(TaskError, match=r"data.split_seed: prepared with 1, asked for 2(.|\n)*pipeline.preprocess"):
        task_for(tiny(data__split_seed=2)).require_prepared()
    task_for(tiny(train__epochs=9)).require_prepared()


def test_missing_processed_data_names_the_command(workspace: Path) -> None:
    with pytest.raises(DataError, match=r"schema\.json: no such file; `python -m pipeline\.preprocess` writes it"):
        task_for(tiny()).require_prepared()


def test_encoding_needs_no_training_rows() -> None:
    table = pa.table({"c": ["new", None], "n": ["2.5", None]})
    assert encode_categorical(table, [Categorical("c", ["old"])]).tolist() == [[0], [0]]
    assert encode_numeric(table, [Numeric("n", 0.5, 2.0, [])])[0].tolist() == [1.0]
