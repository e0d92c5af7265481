"""From files to codes: joins, calendar, vocabularies, and what is refused."""

import gzip
import json
import zipfile
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from conftest import write_tiny
from stages import Stages
from tiny import tiny

from pipeline.data import DataError, fetch
from pipeline.data.file_format import FileFormat
from pipeline.data.reading import read
from pipeline.families.table.data.arrays import Arrays
from pipeline.families.table.data.encoding import codes_of, fit_categorical, fit_numeric, standardised
from pipeline.families.table.data.parts import CalendarPart, RowError, SidePart, TextPart
from pipeline.families.table.data.schema import Schema
from pipeline.storage import PROCESSED, RAW
from pipeline.tasks import TaskError


def joined(main: pa.Table, side: pa.Table, key: list[str], column: str) -> list[object]:
    part = SidePart(side, key, "planes.csv")
    index = part.index(main)
    values = part.values(column).to_pylist()
    return [None if i < 0 else values[i] for i in index]


def test_a_join_keeps_rows_and_order_and_leaves_gaps() -> None:
    main = pa.table({"plane": ["b", "x", "a", None], "year": ["1", "2", "3", "4"]})
    side = pa.table({"plane": ["a", "b"], "plane_year": [1990.0, 2000.0]})
    assert joined(main, side, ["plane"], "plane_year") == [2000.0, None, 1990.0, None]


def test_a_join_on_two_columns_does_not_confuse_them() -> None:
    main = pa.table({"a": ["x", "xy"], "b": ["yz", "z"]})
    side = pa.table({"a": ["x", "xy"], "b": ["yz", "z"], "v": [1.0, 2.0]})
    assert joined(main, side, ["a", "b"], "v") == [1.0, 2.0]


def test_a_key_that_stands_twice_in_a_side_table_is_refused() -> None:
    side = pa.table({"plane": ["a", "a"], "year": [1.0, 2.0]})
    with pytest.raises(DataError, match=r"planes.csv: 1 keys \(plane\) occur in several rows, for example a"):
        SidePart(side, ["plane"], "planes.csv")


def test_a_missing_key_finds_no_row() -> None:
    side = pa.table({"plane": pa.array([None, None, "a"], pa.string()), "year": [1.0, 2.0, 3.0]})
    main = pa.table({"plane": pa.array([None, "a"], pa.string())})
    assert joined(main, side, ["plane"], "year") == [None, 3.0]


def calendar(table: pa.Table, columns: list[str], parts: list[str]) -> list[list[object]]:
    part = CalendarPart("x", columns, parts)
    index = part.index(table)
    values = [part.values(f"x_{name}").to_pylist() for name in parts]
    return [[None if i < 0 else column[i] for i in index] for column in values]


def test_calendar_columns() -> None:
    table = pa.table({"y": ["2013", "2013"], "m": ["1", "12"], "d": ["1", "31"], "t": ["2013-01-06T23:00:00Z", None]})
    assert calendar(table, ["y", "m", "d"], ["weekday", "day_of_year", "week", "days"]) == [
        [1, 1],  # Tuesdays
        [1, 365],
        [1, 1],
        [15706, 16070],
    ]
    assert calendar(table, ["t"], ["weekday", "hour", "year"]) == [[6, None], [23, None], [2013, None]]  # a Sunday
    with pytest.raises(RowError, match="'yesterday' is not a date; expected dates like 2013-12-31") as caught:
        calendar(pa.table({"t": ["2013-01-06", "yesterday"]}), ["t"], ["weekday"])
    assert caught.value.row == 1


def test_text_is_counted_over_batches() -> None:
    part = TextPart("x")
    assert part.index(pa.table({"x": ["b", None, "a", "b"]})).tolist() == [0, -1, 1, 0]
    assert part.index(pa.table({"x": pa.array(["c", "a", None]).dictionary_encode()})).tolist() == [2, 1, -1]
    assert part.values("x").to_pylist() == ["b", "a", "c"]


def test_codes_start_with_the_unknown_and_the_most_frequent() -> None:
    values, counts = pa.array(["b", "a", "c", "d", None, "z"]), np.array([2, 1, 1, 2, 1, 0])
    column = fit_categorical("x", values, counts, min_count=1)
    assert column.categories == ["b", "d", "a", "c"]
    assert codes_of(values, column).tolist() == [1, 3, 4, 2, 0, 0]
    assert fit_categorical("x", values, counts, min_count=2).categories == ["b", "d"]
    # A side table holds a value in several rows: their counts add up.
    assert fit_categorical("x", pa.array(["b", "a", "b"]), np.array([1, 2, 3]), 1).categories == ["b", "a"]


def test_numbers_are_standardised_by_the_training_rows() -> None:
    column = fit_numeric("x", np.array([1.0, 3.0, np.nan]))
    assert (column.mean, column.std) == (2.0, 1.0)
    encoded = standardised(np.array([1.0, 3.0, np.nan, 100.0]), column)
    assert encoded.tolist()[:2] == [-1.0, 1.0]
    assert np.isnan(encoded[2])
    assert encoded[3] == 98.0
    assert column.quantiles[0] == -1.0
    assert column.quantiles[-1] == 1.0
    assert column.frequent == [-1.0, 1.0]
    often = fit_numeric("x", np.array([5.0, 5.0, 1.0, np.nan, 9.0]), np.array([1, 2, 4, 9, 2]), min_count=3)
    assert often.frequent == standardised(np.array([1.0, 5.0]), often).tolist()
    constant = fit_numeric("x", np.full(10, 0.1))
    assert standardised(np.array([1.1]), constant)[0] == pytest.approx(1.0)
    with pytest.raises(DataError, match="column 'x': no number in the training rows"):
        fit_numeric("x", np.array([np.nan]))


def test_plain_gz_and_zip_read_alike(tmp_path: Path) -> None:
    content = b"\xef\xbb\xbfa,b\r\n1,x\r\nNA,\r\n"  # with a byte order mark and Windows line ends
    (tmp_path / "t.csv").write_bytes(content)
    with gzip.open(tmp_path / "t.csv.gz", "wb") as stream:
        stream.write(content)
    with zipfile.ZipFile(tmp_path / "t.csv.zip", "w") as archive:
        archive.writestr("t.csv", content)
    for path in tmp_path.iterdir():
        assert read(path, ["b", "a"], ["a"], FileFormat(missing=["", "NA"])).to_pylist() == [
            {"b": "x", "a": 1.0},
            {"b": None, "a": None},
        ]


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        ("", "the file is empty"),
        ("a,b\n", "no rows"),
        ("a,b\n1,x\ntwo,y\n", r"column 'a': .*'two'.*move the column to data.categorical"),
        ("a,b\n1\n", r"line 2: 1 values, expected 2"),
        ("a;b\n1;x\n", r"one column, 'a;b': its values seem to be separated by ';', expected ','; set data.separator"),
    ],
)
def test_a_damaged_file_is_named(tmp_path: Path, content: str, fault: str) -> None:
    path = tmp_path / "rows.csv"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(DataError, match=rf"rows\.csv: .*{fault}"):
        read(path, ["a", "b"], ["a"], FileFormat())


@pytest.mark.parametrize("content", ["a,b\n1,é\n", "a,é\n1,x\n"], ids=["value", "header"])
def test_another_encoding_is_named(tmp_path: Path, content: str) -> None:
    (tmp_path / "rows.csv").write_bytes(content.encode("latin-1"))
    with pytest.raises(DataError, match=r"rows\.csv: .*not UTF-8"):
        read(tmp_path / "rows.csv", ["a", "b"], ["a"], FileFormat())


def test_a_damaged_gz_is_named(tmp_path: Path) -> None:
    (tmp_path / "rows.csv.gz").write_bytes(gzip.compress(b"a,b\n1,x\n")[:-9])
    with pytest.raises(DataError, match=r"rows\.csv\.gz: "):
        read(tmp_path / "rows.csv.gz", ["a", "b"], ["a"], FileFormat())


def test_a_torn_archive_is_named(tmp_path: Path) -> None:
    (tmp_path / "rows.csv.zip").write_bytes(b"PK\x03\x04 torn")
    with pytest.raises(DataError, match=r"rows\.csv\.zip: cannot be unpacked"):
        read(tmp_path / "rows.csv.zip", ["a"], [], FileFormat())


def test_fetch_checks_content_and_writes_nothing_half(workspace: Path) -> None:
    write_tiny(workspace / "own", rows=10)
    with pytest.raises(DataError, match=r"rows\.csv: corrupt or of another version: sha256 is .*, expected 00"):
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
    Stages(config).preprocess()
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
        ({"data__categorical": ["shop", "color"]}, r"no column 'color' \(did you mean 'colour'\?\); available: "),
        (
            {"data__target": "colour", "data__categorical": ["shop"], "data__problem_type": "binary"},
            r"column 'colour': expected two classes, received 5",
        ),
        ({"data__target": "price", "data__positive_at_least": 1000, "data__numeric": []}, "are of one class"),
        (
            {"data__numeric": ["colour"], "data__categorical": ["shop"]},
            r"rows\.csv: line 2: column 'colour': 'c2' is not a number",
        ),
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
    with pytest.raises(TaskError, match=r"data.split_seed: prepared with 1, configured as 2(.|\n)*pipeline.preprocess"):
        Stages(tiny(data__split_seed=2)).require_prepared()
    Stages(tiny(train__epochs=9)).require_prepared()


def test_missing_processed_data_names_the_command(workspace: Path) -> None:
    with pytest.raises(
        DataError, match=r"schema\.json: no such file; prepare the data again: `dvc repro -f preprocess`"
    ):
        Stages(tiny()).require_prepared()


COMPETITION = "some-competition"


def zipped(path: Path, **members: bytes) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members.items():
            archive.writestr(name.replace("_", "."), content)


@pytest.mark.parametrize("placed", ["file", "own archive", "competition's archive", "archive in it"])
def test_a_competition_s_files_may_be_placed_by_hand(workspace: Path, placed: str) -> None:
    own = workspace / "own"
    own.mkdir()
    if placed == "file":
        (own / "rows.csv").write_bytes(b"a\n1\n")
    elif placed == "own archive":
        zipped(own / "rows.csv.zip", rows_csv=b"a\n1\n")
    elif placed == "competition's archive":
        zipped(own / f"{COMPETITION}.zip", rows_csv=b"a\n1\n", other_csv=b"b\n")
    else:
        zipped(own / "inner.zip", rows_csv=b"a\n1\n")
        zipped(own / f"{COMPETITION}.zip", rows_csv_zip=(own / "inner.zip").read_bytes())
    fetch(f"kaggle:{COMPETITION}", {"rows.csv": None}, own, RAW)
    assert (RAW / "rows.csv").read_bytes() == b"a\n1\n"
    assert [path.name for path in RAW.parent.iterdir()] == ["raw"]


def test_what_was_not_placed_by_hand_is_downloaded(workspace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    own, tools = workspace / "own", workspace / "tools"
    own.mkdir()
    tools.mkdir()
    zipped(own / "rows.csv.zip", rows_csv=b"a\n1\n")
    zipped(tools / "there.zip", more_csv=b"b\n2\n")
    (tools / "kaggle").write_text(CLIENT.format(does='cp "$OWN/there.zip" "$6/some-competition.zip"'), encoding="utf-8")
    (tools / "kaggle").chmod(0o755)
    monkeypatch.setenv("OWN", str(tools))
    monkeypatch.setenv("PATH", f"{tools}:/usr/bin:/bin")
    monkeypatch.setattr("pipeline.data.sources.sys.executable", str(tools / "python"))
    fetch(f"kaggle:{COMPETITION}", {"rows.csv": None, "more.csv": None}, own, RAW)
    assert sorted(path.name for path in RAW.iterdir()) == ["more.csv", "rows.csv"]


CLIENT = """\
#!/bin/sh
[ "$1 $2 $3 $4 $5" = "competitions download -c some-competition -p" ] || exit 2
{does}
"""


@pytest.mark.parametrize(
    ("does", "fault"),
    [
        ('cp "$OWN/there.zip" "$6/some-competition.zip"', None),
        ("echo 'Authentication required to call the Kaggle API.'; exit 1", "Kaggle's client: Authentication required"),
        ('echo "Traceback (most"; echo "  File"; echo "OSError: no route"', r"Kaggle's client: OSError: no route"),
        ('echo x > "$6/some-competition.zip"', r"some-competition\.zip: corrupt: .*; download it again"),
        ('cp "$OWN/other.zip" "$6/some-competition.zip"; echo done', r"neither placed by hand nor downloaded .*done"),
        (None, r"Kaggle's client is not installed.*\nBy hand: .* place rows\.csv, rows\.csv\.zip or some-compet"),
    ],
)
def test_kaggle_s_client_is_asked_once(
    workspace: Path, monkeypatch: pytest.MonkeyPatch, does: str | None, fault: str | None
) -> None:
    """A stand-in for the client: the real one needs an account. What it prints is what the real one was seen to."""
    own, tools = workspace / "own", workspace / "tools"
    own.mkdir()
    tools.mkdir()
    zipped(own / "there.zip", rows_csv=b"a\n1\n", more_csv=b"b\n2\n")
    zipped(own / "other.zip", other_csv=b"")
    if does is not None:
        (tools / "kaggle").write_text(CLIENT.format(does=does), encoding="utf-8")
        (tools / "kaggle").chmod(0o755)
    monkeypatch.setenv("OWN", str(own))
    monkeypatch.setattr("pipeline.data.sources.sys.executable", str(tools / "python"))
    monkeypatch.setenv("PATH", f"{tools}:/usr/bin:/bin")
    names = {"rows.csv": None, "more.csv": None}
    if fault is None:
        fetch(f"kaggle:{COMPETITION}", names, own, RAW)
        assert (RAW / "more.csv").read_bytes() == b"b\n2\n"
    else:
        with pytest.raises(DataError, match=fault):
            fetch(f"kaggle:{COMPETITION}", names, own, RAW)
        assert not RAW.exists()
    assert [path.name for path in RAW.parent.iterdir() if path.name.startswith(".")] == []
