"""Tables that nobody here has seen: what `pipeline.new` decides by measurement, and what it refuses."""

import csv
import gzip
import unicodedata
from argparse import Namespace
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import ROOT
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some
from test_new import proposed

from pipeline.data.reading import read
from pipeline.families.table.data.columns import prepare_section
from pipeline.families.table.proposal.profile import TableProfile
from pipeline.families.table.proposal.proposer import profile_of
from pipeline.families.table.proposal.sample import look
from pipeline.families.table.settings import TableData
from pipeline.new import new as run_new
from pipeline.storage import PipelineError

TABLES = ROOT.parent / "shared" / "data" / "tables"
Columns = Mapping[str, Sequence[Any]]


def write(path: Path, columns: Columns, separator: str = ",") -> Path:
    rows = [separator.join(map(str, row)) for row in zip(*columns.values(), strict=True)]
    path.write_text("\n".join([separator.join(columns), *rows]) + "\n", encoding="utf-8")
    return path


def profiled(path: Path, columns: Columns, target: str = "target") -> TableProfile:
    return profile_of(look(write(path, columns), read_all=False), target)


def kinds(profile: TableProfile) -> dict[str, str]:
    return {name: reading.kind for name, reading in profile.readings.items()}


def binary(logit: Any, random: np.random.Generator) -> Any:
    return (random.random(len(logit)) < 1 / (1 + np.exp(-logit))).astype(int)


EFFECTS = np.random.default_rng(7).normal(0, 2, 1000)
READ = {
    "year": (lambda random, rows: random.integers(1950, 2015, rows), lambda x: (x - 1980) / 15, "numeric"),
    "age": (lambda random, rows: random.integers(18, 90, rows), lambda x: 2 * np.sin(x / 20), "numeric"),
    "count": (lambda random, rows: random.poisson(3, rows), lambda x: x / 1.5 - 2, "numeric"),
    "price": (
        lambda random, rows: np.exp(random.normal(5, 2, rows)).astype(int),
        lambda x: np.log(x + 1) - 5,
        "numeric",
    ),
    "month": (lambda random, rows: random.integers(1, 13, rows), lambda x: EFFECTS[x], "categorical"),
    "shop": (lambda random, rows: random.integers(10_000, 10_300, rows), lambda x: EFFECTS[x - 10_000], "categorical"),
    "postcode": (lambda random, rows: random.integers(10_000, 10_300, rows), lambda x: (x - 10_150) / 50, "numeric"),
    "wheel": (lambda random, rows: random.integers(0, 10**6, rows), lambda x: np.zeros(len(x)), "numeric"),
    "user_id": (lambda random, rows: random.integers(0, 400, rows), lambda x: np.zeros(len(x)), "categorical"),
}


@pytest.mark.parametrize("name", READ)
def test_whole_numbers_are_what_predicts_better(name: str, tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    draw, effect, kind = READ[name]
    values = draw(random, 4000)
    columns = {name: values, "target": binary(effect(values), random)}
    profile = profiled(tmp_path / "rows.csv", columns | {"other": random.integers(0, 5, 4000)})
    assert kinds(profile)[name] == kind
    assert bool(profile.readings[name].reason) is (name != "wheel")  # which has nearly as many values as rows


def test_a_number_may_be_both(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    price = np.round(np.exp(random.normal(3, 1, 20_000)) * 4).astype(int)
    price[::2] = 99
    amount = np.log(price + 1)
    target = binary(2 * (amount - amount.mean()) + 4 * (price == 99) * (np.arange(20_000) % 4 > 0), random)
    assert kinds(profiled(tmp_path / "rows.csv", {"price": price, "target": target}))["price"] in ("both", "numeric")
    section = profiled(tmp_path / "rows.csv", {"price": price, "target": target}).section()
    assert "price" in section["numeric"]


def test_a_date_of_eight_digits_is_a_date(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    days = np.datetime64("2013-01-01") + random.integers(0, 700, 1000)
    dates = np.char.replace(days.astype(str), "-", "")
    section = profiled(tmp_path / "rows.csv", {"day": dates, "target": random.integers(0, 2, 1000)}).section()
    assert section["calendar"] == [
        {"name": "day", "columns": ["day"], "parts": ["month", "weekday", "day_of_year", "days"]}
    ]
    assert section["numeric"] == ["day_day_of_year", "day_days"]


def test_texts_among_numbers_are_listed_as_missing(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    strays = ["", " ", "?", "N/A", "12,5", "45%", "True", '"€ 3"']
    amounts = [f"{value:.2f}" for value in random.normal(10, 3, 600)]
    amounts[:8], amounts[8:10] = strays, ["?", '"1,234.5"']
    colours = ["?" if row % 9 == 0 else "red" for row in range(600)]
    columns = {"amount": amounts, "target": random.integers(0, 2, 600), "colour": colours}
    columns["amount"] = [f'"{value}"' if "," in value and '"' not in value else value for value in amounts]
    profile = profiled(tmp_path / "rows.csv", columns)
    assert kinds(profile)["amount"] == "numeric"
    assert profile.sample.form.missing == ["", "?", "N/A"] or set(profile.sample.form.missing) == {"", "?", "N/A"}
    assert set(profile.sample.form.missing_numbers) == {"12,5", "45%", "true", "€ 3"}
    (amount,) = (column for column in profile.guesses if column.name == "amount")
    assert amount.strays["?"] == 2


def test_few_numbers_and_other_texts_are_categories(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    hours = random.choice(["1", "2", "3", "4", "5+"], 2000)
    profile = profiled(tmp_path / "rows.csv", {"hours": hours, "target": random.integers(0, 2, 2000)})
    assert kinds(profile) == {"hours": "categorical"}


def test_a_missing_word_is_a_category_where_no_number_is_missing(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    country = random.choice(["NA", "DE", "FR", "JP"], 500)
    columns = {"country": country, "size": random.normal(size=500), "target": random.integers(0, 2, 500)}
    assert list(profiled(tmp_path / "rows.csv", columns).sample.form.missing) == [""]
    profile = profiled(tmp_path / "rows.csv", columns, "country")
    assert (profile.kind, list(profile.sample.form.missing)) == ("multiclass", [""])
    columns["target"] = random.choice(["yes", "no", "NA"], 500)
    profile = profiled(tmp_path / "rows.csv", columns)
    assert (profile.kind, list(profile.sample.form.missing)) == ("binary", ["", "NA"])
    lost = sum(value == "NA" for value in columns["target"])
    assert any(f"{lost} of 500 rows have no target" in note for note in profile.notes)


def test_texts_are_named_and_left_out(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    names = [f"Mr. {random.integers(10**6)} of {random.integers(10**6)}" for _ in range(2000)]
    codes = [f"x{random.integers(2000)}" for _ in range(2000)]
    columns = {"name": names, "code": codes, "size": random.normal(size=2000), "target": random.integers(0, 2, 2000)}
    profile = profiled(tmp_path / "rows.csv", columns)
    assert kinds(profile) == {"name": "text", "code": "text", "size": "numeric"}
    assert profile.drop == ["name", "code"]


def test_chance_is_no_leak(tmp_path: Path) -> None:
    for seed in range(10):
        random = np.random.default_rng(seed)
        columns: dict[str, Any] = {f"number_{i}": random.integers(0, 60, 200) for i in range(20)}
        columns |= {f"text_{i}": random.choice([f"v{j}" for j in range(40)], 200) for i in range(20)}
        profile = profiled(tmp_path / "rows.csv", columns | {"target": random.random(200) < 0.25})
        assert (profile.warnings, profile.leaks, profile.group) == ([], [], None)


def test_a_leak_is_said_with_its_interval(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    target = random.integers(0, 2, 2000)
    columns = {"answer": np.where(target, "paid", "open"), "bill": target * 20 + random.normal(10, 5, 2000).round(2)}
    profile = profiled(tmp_path / "rows.csv", columns | {"size": random.normal(size=2000), "target": target})
    assert profile.leaks == ["answer"]
    (bill,) = (warning for warning in profile.warnings if warning.subject == "bill")
    assert "AUC 0.99" in bill.text
    assert " on the 800 validation rows" in bill.text


def test_a_value_of_most_rows_or_an_amount_is_no_group(tmp_path: Path) -> None:
    """As in Adult: a gain is zero for most, and each other gain goes with one class."""
    random = np.random.default_rng(0)
    gain = np.where(random.random(8000) < 0.9, 0, random.integers(1, 200, 8000) * 100)
    target = np.where(gain > 0, gain > 7000, random.random(8000) < 0.2).astype(int)
    profile = profiled(tmp_path / "rows.csv", {"gain": gain, "size": random.normal(size=8000), "target": target})
    assert profile.group is None


def shares(profile: TableProfile, path: Path, scratch: Path) -> list[float]:
    section = profile.section() | {"source": {"name": "own", "folder": "x", "files": {path.name: None}}}
    data = TableData.model_validate(section | {"main_file": path.name, "unlabelled": None})
    schema, _ = prepare_section(data, path.parent, scratch, "table")
    return [schema.rows[part] / sum(schema.rows.values()) for part in ("test", "val")]


def test_groups_of_different_sizes_are_held_out_in_the_right_shares(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    sizes = np.sort(random.pareto(1.2, 200) * 4 + 2).astype(int).clip(2, 150)
    person = np.repeat([f"p{i}" for i in range(200)], sizes)
    classes = np.repeat(random.integers(0, 2, 200), sizes)
    order = random.permutation(len(person))
    path = tmp_path / "rows.csv"
    profile = profiled(
        path, {"person": person[order], "size": random.normal(size=len(order)), "target": classes[order]}
    )
    assert profile.group == "person"
    test, val = shares(profile, path, tmp_path / "processed")
    assert 0.2 / 1.5 < test < 0.2 * 1.5
    assert profile.folds == 1 or 0.16 / 1.5 < val < 0.16 * 1.5
    # Of one person are two fifths of the rows.
    number = np.where(random.random(2400) < 0.4, 0, random.integers(1, 200, 2400))
    target = random.integers(0, 2, 200)[number]
    columns = {"person": [f"p{i}" for i in number], "size": random.normal(size=2400), "target": target}
    profile = profiled(path, columns)
    assert profile.group is None
    (note,) = profile.notes
    assert "person: its rows mostly share one target, but no draw gives parts of the right sizes" in note


def run(name: str, file: Path, target: str | None, unlabelled: Path | None = None) -> None:
    run_new(
        Namespace(
            name=name,
            files=[file],
            target=target,
            unlabelled=unlabelled,
            all=False,
            force=False,
            effort=None,
            header=None,
        )
    )


BROKEN: dict[str, tuple[str, str]] = {
    "one row": ("a,target\n1,x\n", "column 'target': the only value is 'x'; there is nothing to predict"),
    "no row": ("a,target\n", "no rows"),
    "empty": ("", "the file is empty"),
    "one column": ("target\n" + "x\ny\n" * 50, "no column to predict 'target' from: the file has no other column"),
    "one class": (
        "a,target\n" + "1,x\n2,x\n" * 50,
        "column 'target': the only value is 'x'; there is nothing to predict",
    ),
    "an id": ("a,target\n" + "".join(f"{i % 3},n{i}\n" for i in range(90)), "neither classes nor amounts"),
    "almost an id": ("a,target\n" + "".join(f"{i % 3},n{i % 80}\n" for i in range(90)), "neither classes nor amounts"),
    "constant columns": (
        "a,b,target\n" + "1,,x\n1,,y\n" * 50,
        "no column to predict 'target' from: left out are a (always 1), b (no value)",
    ),
    "ragged": ("a,b,target\n" + "1,2,x\n2,y\n" * 50, "line 3: 2 values, expected 3"),
    "a reference": ("${a},target\n" + "1,x\n2,y\n" * 50, "column '${a}': in a config, ${…} is a reference; rename"),
    "two columns of one name": ("a,a,target\n" + "1,2,x\n" * 9, "several columns have the same name"),
    "a rare class": ("a,target\n" + "1,x\n2,y\n" * 4 + "3,z\n", "rows are too few"),
    "rare classes": (
        "a,target\n" + "1,x\n2,y\n" * 40 + "".join(f"3,z{i}\n" for i in range(30)),
        "class 'z0' has 1; merge",
    ),
    "a picture": ("\x89PNG\0", "holds a NUL byte"),
}


@pytest.mark.parametrize("case", BROKEN)
def test_a_table_without_use_is_refused_in_one_sentence(case: str, clone: Path) -> None:
    content, fault = BROKEN[case]
    path = clone.parent / "rows.csv"
    path.write_bytes(content.encode("latin-1"))
    with pytest.raises(PipelineError) as caught:
        run("mine", path, "target")
    assert fault in str(caught.value)
    assert "\n" not in str(caught.value)
    assert not (clone / "data").exists()
    assert not (clone / "conf" / "data" / "mine.yaml").exists()


def test_rows_to_predict_need_the_same_columns(clone: Path) -> None:
    random = np.random.default_rng(0)
    columns = {"a": random.integers(0, 9, 200), "b": random.normal(size=200), "target": random.integers(0, 2, 200)}
    path = write(clone.parent / "rows.csv", columns)
    other = write(clone.parent / "new.csv", {"a": [1, 2], "c": [1, 2]})
    with pytest.raises(PipelineError, match=r"new\.csv: no column 'b'"):
        run("mine", path, "target", other)
    assert not (clone / "conf" / "data" / "mine.yaml").exists()


@pytest.mark.parametrize(
    ("name", "text", "encoding", "expected"),
    [
        ("rows.txt", "größe;stadt;target\n{rows}", "cp1252", {"separator": ";", "decimal": ",", "encoding": "cp1252"}),
        ("rows.tsv", " größe\tstadt \ttarget\n{rows}", "utf-8", {"separator": "\t", "decimal": ","}),
        ("rows.csv", "{rows}", "utf-16", {"separator": "|", "header": False, "encoding": "utf-16", "decimal": ","}),
    ],
)
def test_other_formats_are_named_in_the_config(
    name: str,
    text: str,
    encoding: str,
    expected: dict[str, Any],
    clone: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    random = np.random.default_rng(0)
    rows = zip(
        random.normal(size=300).round(3), random.choice(["Köln", "Ulm"], 300), random.integers(0, 2, 300), strict=True
    )
    lines = "".join(expected["separator"].join(map(str, row)).replace(".", ",") + "\n" for row in rows)
    path = clone.parent / name
    path.write_bytes(text.format(rows=lines).encode(encoding))
    has_header = expected.get("header", True)
    run("mine", path, "target" if has_header else "column_3")
    data = proposed(clone, "mine")["data"]
    assert {key: data[key] for key in expected} == expected
    assert (data["numeric"], data["categorical"]) == (
        (["größe"], ["stadt"]) if has_header else (["column_1"], ["column_2"])
    )
    assert "read with separator" in capsys.readouterr().out
    schema, _ = prepare_section(TableData.model_validate(data), clone / "data/own/mine", clone / "processed", "table")
    assert schema.categorical[0].categories == ["Köln", "Ulm"] or schema.categorical[0].categories == ["Ulm", "Köln"]


NAMES = some.text(some.characters(exclude_categories=["Cs"], exclude_characters="\0\r\n"), min_size=1, max_size=60)
AWKWARD = [
    "no",
    "null",
    "~",
    "1.5",
    "- x",
    "a: b",
    "#1",
    "{y}",
    "[z]",
    "a # b",
    "'",
    '"',
    "x" * 60,
    "%",
    "@",
    "&a",
    "*b",
    "!c",
    "|",
    ">",
]


def known_as(name: str) -> str:
    """Return the name by which the project knows a column."""
    return unicodedata.normalize("NFC", name.strip())


@settings(
    max_examples=12,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    names=some.lists(NAMES | some.sampled_from(AWKWARD), min_size=3, max_size=8, unique_by=known_as), data=some.data()
)
def test_what_is_written_is_read_back(names: list[str], data: some.DataObject, clone: Path) -> None:
    names = [name for name in names if name.strip()]
    if len(names) < 2 or any("${" in name for name in names):
        return
    random = np.random.default_rng(data.draw(some.integers(0, 1000)))
    cells = [[f"v{random.integers(4)}", f"{random.normal():.3f}", str(random.integers(50))] for _ in range(60)]
    path = clone.parent / "rows.csv"
    rows = [[*(row[i % 3] for i in range(len(names) - 1)), "ab"[random.integers(2)]] for row in cells]
    with path.open("w", encoding="utf-8", newline="") as stream:
        csv.writer(stream).writerows([names, *rows])
    for file in ("data", "experiment"):
        (clone / "conf" / file / "mine.yaml").unlink(missing_ok=True)
    run_new(
        Namespace(
            name="mine",
            files=[path],
            target=names[-1].strip(),
            unlabelled=None,
            all=False,
            force=True,
            effort=None,
            header=None,
        )
    )
    tree = proposed(clone, "mine")["data"]
    assert tree["target"] == known_as(names[-1])
    assert {*tree["categorical"], *tree["numeric"], *tree["drop"]} <= {*map(known_as, names)}
    schema, _ = prepare_section(TableData.model_validate(tree), clone / "data/own/mine", clone / "processed", "table")
    assert schema.target == known_as(names[-1])


def test_a_date_that_determines_the_target_is_left_out(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    target = random.integers(0, 2, 1500)
    days = (np.datetime64("2020-01-01") + random.integers(0, 300, 1500)).astype(str)
    columns = {"cancelled": np.where(target, days, ""), "size": random.normal(size=1500), "target": target}
    profile = profiled(tmp_path / "rows.csv", columns)
    assert (profile.leaks, profile.section()["calendar"]) == (["cancelled"], [])


def test_a_country_called_na_is_not_missing(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    heights = [f"{value:.1f}" if row % 20 else "NA" for row, value in enumerate(random.normal(170, 9, 500))]
    columns = {"country": random.choice(["NA", "DE", "FR", "JP"], 500), "height": heights}
    profile = profiled(tmp_path / "rows.csv", columns | {"target": random.integers(0, 2, 500)})
    assert (list(profile.sample.form.missing), list(profile.sample.form.missing_numbers)) == ([""], ["NA"])


def test_rare_categories_do_not_count_where_groups_are_held_out(tmp_path: Path) -> None:
    """Persons of a household share its target; a new household has new persons."""
    random = np.random.default_rng(0)
    household = np.repeat(np.arange(400), 6)
    person = household * 3 + np.tile([0, 0, 1, 1, 2, 2], 400)
    columns = {"household": [f"h{i}" for i in household], "person": [f"p{i}" for i in person]}
    target = np.repeat(random.integers(0, 2, 400), 6)
    profile = profiled(tmp_path / "rows.csv", columns | {"size": random.normal(size=2400), "target": target})
    assert (profile.group, profile.min_count, profile.crosses) == ("household", 5, "none")


def test_ids_of_several_rows_are_named_where_the_split_is_random(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    effects = random.normal(0, 1, 300)
    user = random.integers(0, 300, 3000)
    profile = profiled(tmp_path / "rows.csv", {"user_id": user, "target": binary(effects[user], random)})
    assert profile.group is None
    assert "rows of one user_id are in several parts of the split" in profile.notes[0]
    assert "data.split=group data.split_by=[user_id]" in profile.notes[0]


def test_a_reading_never_explains_less_than_a_cheaper_one(tmp_path: Path) -> None:
    for seed in range(8):
        random = np.random.default_rng(seed)
        number = random.integers(0, 200, 1500)
        profile = profiled(tmp_path / "rows.csv", {"number": number, "target": binary(number / 100 - 1, random)})
        assert kinds(profile)["number"] == "numeric"


@pytest.mark.parametrize(
    ("texts", "decimal", "first"),
    [
        (["943", "6,010", "18,714"], ".", 943.0),
        (["623,790", "1,475,010", "12"], ".", 623790.0),
        (["623,79", "12,5", "1.234,5"], ",", 623.79),
        (["0,125", "0,250", "0,375"], ",", 0.125),
    ],
)
@pytest.mark.parametrize("separator", [";", ","])
def test_commas_group_digits_or_are_decimal(
    separator: str, texts: list[str], decimal: str, first: float, tmp_path: Path
) -> None:
    quote = '"' if separator == "," else ""
    columns = {"amount": [f"{quote}{text}{quote}" for text in texts * 40], "target": ["a", "b", "a"] * 40}
    sample = look(write(tmp_path / "rows.csv", columns, separator), read_all=False)
    assert (sample.form.separator, sample.form.decimal) == (separator, decimal)
    read_back = read(sample.path, ["amount"], ["amount"], sample.form)
    assert read_back["amount"][0].as_py() == first


def test_rows_to_predict_are_checked_and_other_rows(clone: Path) -> None:
    random = np.random.default_rng(0)
    columns: dict[str, Any] = {"age": random.normal(size=200), "target": random.integers(0, 2, 200)}
    path = write(clone.parent / "rows.csv", columns)
    with pytest.raises(PipelineError, match=r"--unlabelled: .*rows\.csv is the table itself"):
        run("mine", path, "target", path)
    other = write(clone.parent / "new.csv", {"age": ["1", "old"]})
    with pytest.raises(PipelineError, match=r"new\.csv: line 3: column 'age': 'old' is not a number"):
        run("mine", path, "target", other)
    assert not (clone / "conf" / "data" / "mine.yaml").exists()


def test_names_of_any_length_keep_their_comment(clone: Path) -> None:
    random = np.random.default_rng(0)
    long = ["stalk_surface_above_ring", "y" * 21, "z" * 22, "a" * 23]
    path = write(
        clone.parent / "rows.csv",
        {name: random.choice(["s", "k", "f"], 300) for name in long} | {"target": random.choice(["e", "p"], 300)},
    )
    run("mine", path, "target")
    assert proposed(clone, "mine")["data"]["categorical"] == long
    text = (clone / "conf/data/mine.yaml").read_text(encoding="utf-8")
    assert "  - stalk_surface_above_ring # " in text


needs_tables = pytest.mark.skipif(not TABLES.is_dir(), reason="needs the tables beside the project")


def seen(name: str, target: str) -> TableProfile:
    return profile_of(look(TABLES / name, read_all=False), target)


@needs_tables
def test_amazons_ids_are_categories() -> None:
    profile = seen("amazon.csv.gz", "ACTION")
    assert set(kinds(profile).values()) == {"categorical"}
    assert (profile.min_count, profile.crosses, profile.group, profile.warnings) == (1, "pairs", None, [])


@needs_tables
def test_adult_is_split_sanely(tmp_path: Path) -> None:
    profile = seen("adult.csv.gz", "salary")
    assert (profile.group, profile.leaks, profile.folds) == (None, [], 5)
    assert [column.name for column in profile.features("numeric")] == [
        "age",
        "fnlwgt",
        "education_num",
        "hours_per_week",
    ]
    (tmp_path / "adult.csv").write_bytes(gzip.decompress((TABLES / "adult.csv.gz").read_bytes()))
    test, val = shares(profile, tmp_path / "adult.csv", tmp_path / "processed")
    assert (test, val) == (pytest.approx(0.2, abs=0.001), pytest.approx(0.16, abs=0.001))


@needs_tables
def test_other_public_tables_are_read_right() -> None:
    telco = seen("Telco-Customer-Churn.csv.gz", "Churn")
    assert [column.name for column in telco.features("numeric")] == ["tenure", "MonthlyCharges", "TotalCharges"]
    assert next(column for column in telco.guesses if column.name == "TotalCharges").missing == 11
    mushrooms = seen("mushrooms.csv", "Outcome")
    assert (len(mushrooms.features("categorical")), mushrooms.leaks) == (21, [])
    films = seen("movielens_sample.txt", "rating")
    assert {name for name, kind in kinds(films).items() if kind == "categorical"} >= {"user_id", "movie_id", "zip"}
    clicks = seen("criteo_sample.txt", "label")
    assert all(kind == "categorical" for name, kind in kinds(clicks).items() if name.startswith("C"))
    for profile in (films, clicks):
        assert (profile.warnings, profile.leaks, profile.group) == ([], [], None)
