"""A value has one spelling: in CSV and Parquet files, in Python, and on the exported page."""

import datetime as dt
import decimal
import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from conftest import ROOT

from pipeline.data.cells import DATE_FORMATS, aliases_of, moment_of, number_of, text_of
from pipeline.data.file_format import FileFormat, numbers_of
from pipeline.data.reading import read
from pipeline.data.spelling import as_numbers, as_texts
from pipeline.families.table.bundle.reader import PARTS
from pipeline.families.table.data.encoding import codes_of
from pipeline.families.table.data.schema import Categorical

MORNING = dt.datetime(2020, 1, 1, 5, tzinfo=dt.UTC)
TYPED: list[tuple[Any, pa.Array, str | None]] = [
    (4.0, pa.array([4.0]), "4"),
    (4, pa.array([4]), "4"),
    (-0.0, pa.array([-0.0]), "0"),
    (4.5, pa.array([4.5]), "4.5"),
    (np.float32(0.1), pa.array([0.1], pa.float32()), "0.1"),
    (1e-7, pa.array([1e-7]), "1e-7"),
    (1e16, pa.array([1e16]), "1e+16"),
    (2**63, pa.array([2**63], pa.uint64()), "9223372036854775808"),
    (float("nan"), pa.array([float("nan")]), None),
    (None, pa.array([None]), None),
    (True, pa.array([True]), "true"),
    (np.False_, pa.array([False]), "false"),
    (decimal.Decimal("4.00"), pa.array([decimal.Decimal("4.00")]), "4"),
    (dt.date(2020, 1, 1), pa.array([dt.date(2020, 1, 1)]), "2020-01-01"),
    (dt.datetime(2020, 1, 1), pa.array([dt.datetime(2020, 1, 1)]), "2020-01-01"),
    (dt.datetime(2020, 1, 1, 5, 6), pa.array([dt.datetime(2020, 1, 1, 5, 6)]), "2020-01-01 05:06:00"),
    (dt.time(5, 6), pa.array([dt.time(5, 6)]), "05:06:00"),
    (b"Paris", pa.array([b"Paris"]), "Paris"),
    (dt.timedelta(hours=1), pa.array([dt.timedelta(hours=1)]), "3600"),
    (
        dt.datetime(2020, 1, 1, 5, tzinfo=dt.UTC),
        pa.array([dt.datetime(2020, 1, 1, 5, tzinfo=dt.UTC)]),
        "2020-01-01 05:00:00",
    ),
    (1e-5, pa.array([1e-5]), "1e-5"),
    (np.array([1, 2]), pa.array([[1, 2]]), "[1, 2]"),
    (pd.NA, pa.array([None]), None),
    ([1, "ä"], pa.array(['[1, "ä"]']), '[1, "ä"]'),
    ({"b": 1, "a": [2]}, pa.array([{"a": [2], "b": 1}]), '{"a": [2], "b": 1}'),
    ("k", pa.array(["k"]).dictionary_encode(), "k"),
    ("abc", pa.array([b"abc"]), "abc"),
]
TEXTS = {
    "4.0": "4",
    "4.00": "4",
    " 4 ": "4",
    "-0.0": "0",
    "007.0": "007",
    "4.50": "4.50",
    "3.10": "3.10",
    "True": "true",
    "FALSE": "false",
    "yes": "yes",
    "Zu\u0308rich": "Zürich",
    "Paris ": "Paris",
    "PARIS": "PARIS",
    "2020-01-01 00:00:00": "2020-01-01",
    "2020-01-01T00:00": "2020-01-01",
    "2020-01-01T00:00:00Z": "2020-01-01",
    "2020-01-01T05:00:00": "2020-01-01 05:00:00",
    "2020-01-01 05:00": "2020-01-01 05:00",
    "1e3": "1e3",
}
DATES = [
    ("2021-01-04 12:00", "year_first"),
    ("2016-06-15 23:59", "year_first"),
    ("2013-1-5", "year_first"),
    ("1969-12-31", "year_first"),
    ("0050-03-01 05", "year_first"),
    ("2024-12-30T07", "day_first"),
    ("2027-01-01T10:00:00+02:00", "month_first"),
    ("20240229", "year_first"),
    ("2024/02/29 05:10", "year_first"),
    ("2020-01-01 1:30 PM", "year_first"),
    ("2020-01-01 12:05 am", "year_first"),
    ("31.12.2013", "day_first"),
    ("2020-05-20 04:10:00+00", "year_first"),
    ("2020-05-20 04:10 CET", "year_first"),
    ("1/2/69 3:04", "day_first"),
    ("10-Jan-2022", "day_first"),
    ("1 February 2022", "day_first"),
    ("12/31/13 23:00:01.5 UTC", "month_first"),
    ("Jan 10, 2022", "month_first"),
    ("1577836800", "unix"),
    ("1577840400000", "unix"),
    ("1577836800.25", "unix"),
]
NO_DATES = [
    ("2013-12-31 24:00", "year_first"),
    ("2013-12-31 -5", "year_first"),
    ("0000-00-00", "year_first"),
    ("2013-02-29", "year_first"),
    ("13-01-01", "year_first"),
    ("soon", "day_first"),
    ("31.13.2013", "day_first"),
    ("31/12/2013", "month_first"),
    ("1/2/2013 13:00 PM", "month_first"),
    ("1 Foo 2013", "day_first"),
    ("20131231", "unix"),
]
NUMBERS = ["1e3", " 5", "-.5", "7.", "inf", "NaN", "?", "1,234.5", "1.234,5", "1,5", "12,34", "-$ 1,200", "45%", "3 €"]
NUMBERS += ["１２", "1 234", "0x10", "1_000", "5 5", "ten", "€", ".", "1,234,56", "(5)", "-999", "-999.0"]


@pytest.mark.parametrize(("value", "column", "expected"), TYPED, ids=lambda each: type(each).__name__)
def test_a_typed_value_has_the_text_of_a_csv_file(value: Any, column: pa.Array, expected: str | None) -> None:
    assert as_texts(column, FileFormat()).to_pylist() == [expected]
    assert text_of(value, ".") == expected


@pytest.mark.parametrize(("text", "expected"), TEXTS.items())
def test_a_text_has_one_spelling(text: str, expected: str) -> None:
    assert as_texts(pa.array([text, None]), FileFormat()).to_pylist() == [expected, None]
    assert text_of(text, ".") == expected


def test_numbers_among_texts_have_the_decimal_mark_of_the_file() -> None:
    form = FileFormat(";", ",")
    assert as_texts(pa.array(["4,0", "4,5", "4.0"]), form).to_pylist() == ["4", "4,5", "4.0"]
    assert as_texts(pa.array([4.0, 4.5]), form).to_pylist() == ["4", "4,5"]
    assert as_texts(pa.array([decimal.Decimal("4.00"), decimal.Decimal("4.50")]), form).to_pylist() == ["4", "4,50"]
    assert [text_of(value, ",") for value in ("4,0", 4.0, 4.5)] == ["4", "4", "4,5"]


def test_the_same_rows_are_read_from_csv_and_parquet(tmp_path: Path) -> None:
    form = FileFormat(missing=["", "NA", "-1"], missing_numbers=["-999", "?"])
    (tmp_path / "r.csv").write_text("n,c,b,x\n4.0,-1.0,True,-999.0\n,4,FALSE,?\n5,NA,,1e3\n", encoding="utf-8")
    columns = {
        "n": pa.array([4, None, 5]),
        "c": pa.array([-1.0, 4.0, None]),
        "b": pa.array([True, False, None]),
        "x": pa.array([-999.0, None, 1000.0], pa.float32()),
    }
    pq.write_table(pa.table(columns), tmp_path / "r.parquet")
    expected = [
        {"n": "4", "c": None, "b": "true", "x": None},
        {"n": None, "c": "4", "b": "false", "x": None},
        {"n": "5", "c": None, "b": None, "x": 1000.0},
    ]
    for name in ("r.csv", "r.parquet"):
        found = read(tmp_path / name, ["n", "c", "b", "x"], ["x"], form)
        numbers = as_numbers(found["x"].combine_chunks(), form)[0].to_pylist()
        rows = [{**row, "x": number} for row, number in zip(found.to_pylist(), numbers, strict=True)]
        assert rows == expected, name


def test_truth_values_are_known_as_words_and_as_digits() -> None:
    words, digits = Categorical("a", ["false", "true"]), Categorical("a", ["1", "0"])
    assert codes_of(pa.array(["1", "true", "0", "2", None]), words).tolist() == [2, 2, 1, 0, 0]
    assert codes_of(pa.array(["true", "1", "false", "2"]), digits).tolist() == [1, 1, 2, 0]
    assert aliases_of(["1", "0", "2"]) == {}


def test_durations_and_times_of_day_are_seconds() -> None:
    form = FileFormat()
    for column, expected in (
        (pa.array([dt.timedelta(minutes=2)]), 120.0),
        (pa.array([dt.time(1, 0, 1)]), 3601.0),
        (pa.array([2**64 - 1], pa.uint64()), 2.0**64),
        (pa.array([np.float16(1.5)]), 1.5),
    ):
        assert as_numbers(column, form)[0].to_pylist() == [expected]
    for column in (pa.array([dt.date(2020, 1, 1)]), pa.array([[1, 2]])):
        with pytest.raises(pa.ArrowInvalid, match=r"holds (dates|values).*list it in"):
            as_numbers(column, form)


@pytest.mark.skipif(not shutil.which("node"), reason="needs Node.js")
def test_the_page_reads_values_as_python_does(tmp_path: Path) -> None:
    # As a module by its name, whatever Node.js makes of .js.
    page = ROOT / "pipeline" / "families" / "table" / "bundle" / "web"
    module = Path(shutil.copy(page / "rows.js", tmp_path / "rows.mjs"))
    facts = {
        "missing": [""],
        "missing_numbers": ["?", "-999"],
        "decimal": ".",
        "calendars": [{"name": form, "columns": [form], "parts": list(PARTS), "format": form} for form in DATE_FORMATS],
        "numeric": [],
        "categorical": [{"name": f"{form}_{part}", "categories": []} for form in DATE_FORMATS for part in PARTS],
        "outputs": [],
    }
    script = f"""
    const {{ Rows }} = await import("{module.as_uri()}");
    const facts = {json.dumps(facts)};
    const told = (work) => {{
      try {{ return work(); }} catch (error) {{ return error.message; }}
    }};
    const show = (values) => console.log(JSON.stringify(values));
    const rows = new Rows({{}}, facts);
    let seen;
    rows.codes = rows.codes.map(() => ({{ get: (value) => seen.push(value) }}));
    const parts = ([text, format]) => {{ seen = []; rows.encoded({{ [format]: text }}); return seen; }};
    show({json.dumps(DATES + NO_DATES)}.map((date) => told(() => parts(date))));
    for (const decimal of [".", ","]) {{
      const others = new Rows({{}}, {{ ...facts, decimal }});
      show({json.dumps(NUMBERS)}.map((text) => told(() => String(others.number(text, "n")))));
    }}
    show({json.dumps([*TEXTS])}.map((text) => rows.text(text)));
    show([4.0, 4.5, -0, true, null].map((value) => rows.text(value)));
    const truth = {{ name: "a", categories: ["false", "true"] }};
    const truths = new Rows({{}}, {{ ...facts, calendars: [], categorical: [truth] }});
    show(["1", "true", "0", "2", null].map((a) => truths.encoded({{ a }}).inputs.categorical.values[0]));
    """
    done = subprocess.run(
        ["node", "--input-type=module", "-e", script], capture_output=True, encoding="utf-8", check=True
    )
    moments, *numbers, texts, values, codes = (json.loads(line) for line in done.stdout.splitlines())
    for (text, form), found in zip(DATES, moments, strict=False):
        moment = moment_of(text, form)
        assert moment is not None, text
        assert found == [str(PARTS[part](moment)) for part in PARTS], text
    for (text, form), found in zip(NO_DATES, moments[len(DATES) :], strict=True):
        assert moment_of(text, form) is None
        assert found == f"Expected a date like {DATE_FORMATS[form]}, received “{text}”."
    assert texts == [*TEXTS.values()]
    assert values == ["4", "4.5", "0", "true", None]
    assert codes == [2, 2, 1, 0, 0]
    for mark, found in zip(".,", numbers, strict=True):
        _same_numbers(mark, found)


def _same_numbers(mark: str, found: list[str]) -> None:
    form = FileFormat(decimal=mark, missing_numbers=["?", "-999"])
    for text, number in zip(NUMBERS, found, strict=True):
        (expected,), (unreadable,) = (each.to_pylist() for each in as_numbers(pa.array([text]), form))
        if unreadable:
            assert number == f"n: expected a number, received “{text_of(text, mark)}”."
            with pytest.raises(ValueError, match=r".*"):
                number_of(text, mark)
        elif expected is None or not np.isfinite(expected):
            assert number == "NaN"
        else:
            (plain,) = numbers_of(pa.array([text]), form)[0].to_pylist()
            assert float(number) == expected == plain == number_of(text.strip(), mark)
