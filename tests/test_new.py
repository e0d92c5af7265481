"""From a file that nothing is known of to a network: what `python -m pipeline.new` sees, writes and refuses."""

import csv
import json
import re
from argparse import Namespace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.csv
import pyarrow.parquet as pq
import pytest
from conftest import copy_project
from test_audit import write_people
from test_tables import write_houses

from pipeline.config import load
from pipeline.new import new as run_new
from pipeline.storage import PipelineError

pytestmark = pytest.mark.slow


@pytest.fixture
def clone(clone: Path) -> Path:
    """A clone's conf/, and own files beside it: houses.csv and visits.csv."""
    write_houses(clone.parent)
    write_people(clone.parent)
    return clone


def new(
    name: str,
    file: Path,
    target: str | None,
    unlabelled: Path | None,
    *,
    whole: bool,
    force: bool,
    effort: str | None = None,
) -> None:
    given = {"target": target, "unlabelled": unlabelled, "all": whole, "force": force, "effort": effort}
    run_new(Namespace(name=name, files=[file], **{"header": None, **given}))


def sentences(name: str, *files: Path, **options: Any) -> None:
    given = {"target": None, "unlabelled": None, "all": False, "force": False, "effort": None, **options}
    run_new(Namespace(name=name, files=list(files), **{"header": None, **given}))


def proposed(clone: Path, name: str) -> dict[str, Any]:
    tree: dict[str, Any] = load([f"experiment={name}"], clone / "conf").tree
    return tree


def test_a_look_writes_nothing(clone: Path, capsys: pytest.CaptureFixture[str]) -> None:
    new("flights", clone.parent / "houses.csv", None, None, whole=False, force=False)
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["column", "kind", "different", "missing", "examples", "remark"]
    assert lines[1].split()[:4] == ["house", "id", "600", "0.0%"]
    assert lines[7].split() == ["nothing", "empty", "0", "100.0%"]
    assert lines[-1] == "next: the same command with --target COLUMN, the column to predict"
    assert not (clone / "data").exists()


def test_what_is_written_trains_on_every_column(clone: Path, capsys: pytest.CaptureFixture[str]) -> None:
    new("mine", clone.parent / "houses.csv", "price", None, whole=True, force=False)
    tree = proposed(clone, "mine")
    data = tree["data"]
    assert (data["target"], data["problem_type"], data["id"]) == ("price", "regression", "house")
    assert data["drop"] == ["nothing"]
    assert data["categorical"] == ["town", "area_code", "rooms", "grade", "part", "sold_month", "sold_weekday"]
    assert data["numeric"] == ["size", "sold_day_of_year", "sold_days"]
    assert data["calendar"] == [
        {"name": "sold", "columns": ["sold"], "parts": ["month", "weekday", "day_of_year", "days"]}
    ]
    assert (data["split"], data["source"]["folder"]) == ("random", "data/own/mine")
    assert (tree["name"], tree["train"]["epochs"]) == ("mine", 60)
    assert (clone / "data/own/mine/houses.csv").read_bytes() == (clone.parent / "houses.csv").read_bytes()
    output = capsys.readouterr().out
    assert "dvc exp run -S experiment=mine " in output
    assert "git add conf/data/mine.yaml conf/experiment/mine.yaml data/own/mine/houses.csv" in output


def test_rows_that_belong_together_are_held_out_together(clone: Path, capsys: pytest.CaptureFixture[str]) -> None:
    new("mine", clone.parent / "visits.csv", "bought", None, whole=False, force=False)
    data = proposed(clone, "mine")["data"]
    assert (data["split"], data["split_by"]) == ("group", ["person"])
    assert data["categorical"] == ["shop"]
    assert re.search(r"^person .* group: held out together$", capsys.readouterr().out, re.MULTILINE)


def test_the_answer_is_left_out_and_a_leak_is_named(clone: Path, capsys: pytest.CaptureFixture[str]) -> None:
    random = np.random.default_rng(1)

    def tell(_i: int, row: dict[str, Any]) -> None:
        row["paid"] = f"paid {random.integers(6)}" if row["bought"] else "open"
        row["bill"] = f"{row['bought'] * 20 + random.normal(10, 6):.2f}"

    write_people(clone.parent, tell)
    new("mine", clone.parent / "visits.csv", "bought", None, whole=False, force=False)
    output, text = capsys.readouterr().out, (clone / "conf/data/mine.yaml").read_text()
    assert re.search(
        r"^paid .* left out: LEAK\? determines bought; keep it only if it is known beforehand$", output, re.MULTILINE
    )
    assert "\nleak: bill: predicts the target almost on its own" in output
    assert "  - paid                  # LEAK? determines bought; keep it only if it is known beforehand" in text
    assert re.search(r"^  - bill  .*; LEAK\? it predicts the target almost on its own$", text, re.MULTILINE)
    data = proposed(clone, "mine")["data"]
    assert (data["drop"], data["categorical"], data["numeric"]) == (["paid"], ["shop"], ["age", "bill"])
    assert data["split_by"] == ["person"]


def test_of_two_groups_the_wider_is_held_out(clone: Path) -> None:
    def nest(i: int, row: dict[str, Any]) -> None:
        row["household"] = 7000 + 3 * (i // 40)  # a number: most tables have those for names
        row["bought"] = int(i // 40 % 3 == 0)

    write_people(clone.parent, nest)
    new("mine", clone.parent / "visits.csv", "bought", None, whole=False, force=False)
    data = proposed(clone, "mine")["data"]
    assert data["split_by"] == ["household"]
    assert "household" not in data["numeric"]


def test_dates_get_names_that_are_free(clone: Path) -> None:
    def date(i: int, row: dict[str, Any]) -> None:
        row["sold at"] = f"2024-01-{1 + i % 28:02}"
        row["sold at_month"] = f"m{i % 3}"

    write_people(clone.parent, date)
    new("mine", clone.parent / "visits.csv", "bought", None, whole=False, force=False)
    data = proposed(clone, "mine")["data"]
    assert data["categorical"] == ["shop", "sold at_month", "sold at__month", "sold at__weekday"]


def test_what_a_column_may_be_is_hinted(clone: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def strange(i: int, row: dict[str, Any]) -> None:
        row["day"], row["income"], row["humidity"] = f"{1 + i % 28:02}.01.2024", f"{10 + i % 70},500", 3 * i
        row["inhabitants"] = i * i * 100

    write_people(clone.parent, strange)
    new("mine", clone.parent / "visits.csv", None, None, whole=False, force=False)
    new("mine", clone.parent / "visits.csv", "bought", None, whole=False, force=False)
    output = capsys.readouterr().out
    assert re.search(r"^day +date .* read as 31/12/2013, day first$", output, re.MULTILINE)
    data = proposed(clone, "mine")["data"]
    assert "income" in data["numeric"]
    assert (data["id"], data["drop"]) == ("visit", ["humidity"])
    assert "inhabitants" in data["numeric"]


def test_two_files_of_one_name_are_refused(clone: Path) -> None:
    write_people(clone.parent / "test")
    paths = clone.parent / "visits.csv", clone.parent / "test" / "visits.csv"
    with pytest.raises(PipelineError, match="expected two different names in one folder"):
        new("mine", paths[0], "bought", paths[1], whole=False, force=True)
    assert not (clone / "data").exists()


def test_a_table_that_cannot_be_split_is_refused(clone: Path) -> None:
    write_houses(clone.parent, rows=600)
    lines = (clone.parent / "houses.csv").read_text().splitlines()
    (clone.parent / "few.csv").write_text("\n".join(lines[:9]) + "\n")
    with pytest.raises(PipelineError, match="8 rows are too few to hold out some for validation and test") as caught:
        new("mine", clone.parent / "few.csv", "grade", None, whole=False, force=False)
    assert "parquet" not in str(caught.value)
    assert not (clone / "data").exists()


def test_a_file_among_the_own_ones_stays_where_it_is(clone: Path) -> None:
    table = pyarrow.csv.read_csv(clone.parent / "houses.csv")
    (clone / "data" / "own").mkdir(parents=True)
    pq.write_table(table, clone / "data" / "own" / "houses.parquet")
    pq.write_table(table.drop_columns(["grade"]), clone / "data" / "own" / "more.parquet")
    new("mine", Path("data/own/houses.parquet"), "grade", Path("data/own/more.parquet"), whole=False, force=False)
    data = proposed(clone, "mine")["data"]
    assert data["source"] == {
        "name": "own",
        "folder": "data/own",
        "files": {"houses.parquet": None, "more.parquet": None},
    }
    assert (data["problem_type"], data["unlabelled"]) == ("multiclass", "more.parquet")


def test_strange_names_of_columns_survive(clone: Path) -> None:
    names = ["a: b", "a|b", "#1", "yes", "null", "it's", 'say "x"', "größe", "1.5", "- x", "{y}", "t"]
    random = np.random.default_rng(0)
    with (clone.parent / "strange.csv").open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(names)
        for _ in range(200):
            values = [f"v: {random.integers(5)} # {{x}}" for _ in names[:-1]]
            writer.writerow([*values, random.integers(2)])
    new("mine", clone.parent / "strange.csv", "t", None, whole=False, force=False)
    assert proposed(clone, "mine")["data"]["categorical"] == names[:-1]


def test_nothing_is_overwritten_unasked(clone: Path) -> None:
    path = clone.parent / "houses.csv"
    with pytest.raises(PipelineError, match=r"conf/data/flights\.yaml exists; choose another name"):
        new("flights", path, "price", None, whole=False, force=False)
    new("mine", path, "price", None, whole=False, force=False)
    (clone / "conf/data/mine.yaml").unlink()
    (clone / "conf/experiment/mine.yaml").unlink()
    path.write_text(path.read_text() + "h9999,2024-01-01,t0,00,1,90.0,,100000,low,train\n")
    with pytest.raises(PipelineError, match=r"data/own/mine/houses\.csv exists; choose another name, or overwrite"):
        new("mine", path, "price", None, whole=False, force=False)
    new("mine", path, "grade", None, whole=False, force=True)
    assert proposed(clone, "mine")["data"]["target"] == "grade"
    assert "h9999" in (clone / "data/own/mine/houses.csv").read_text()


@pytest.mark.parametrize(
    ("name", "file", "target", "fault"),
    [
        ("my table", "houses.csv", "price", "'my table' cannot name an experiment: use letters"),
        ("mine", "house.csv", "price", r"house\.csv: no such file"),
        ("mine", "houses.csv", "prize", r"no column 'prize' \(did you mean 'price'\?\)"),
        ("no", "houses.csv", "price", "'no' cannot name an experiment"),
        ("mine", "houses.csv", "nothing", "column 'nothing': no row has a value; there is nothing to predict"),
        ("mine", "houses.csv", "house", "column 'house': 600 different values in 600 rows, which are neither classes"),
    ],
)
def test_what_is_refused(clone: Path, name: str, file: str, target: str, fault: str) -> None:
    with pytest.raises(PipelineError, match=fault):
        new(name, clone.parent / file, target, None, whole=False, force=False)
    assert not (clone / "data").exists()
    assert not (clone / "conf" / "data" / "mine.yaml").exists()


def test_two_files_are_sentences(clone: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source, target = clone.parent / "own.en", clone.parent / "own.ja"
    source.write_text("".join(f"This is number {n}.\n" for n in range(300)) + "\n", encoding="utf-8")
    target.write_text("".join(f"これは{n}番です。\n" for n in range(300)) + "空\n", encoding="utf-8")
    sentences("mine", source, target)
    tree = proposed(clone, "mine")
    data = tree["data"]
    assert (data["source_lang"], data["target_lang"]) == ("en", "ja")
    assert data["tokenizer"] == {"en": "unigram", "ja": "character"}  # each sentence has a number of its own
    assert data["source"] == {"name": "own", "folder": "data/own/mine", "files": {"own.en": None, "own.ja": None}}
    assert data["test_fraction"] == 0.2  # of so few
    assert tree["model"]["hidden_units"] == 256
    output = capsys.readouterr().out
    assert "301 lines; left out: 1 empty and 0 duplicate pairs" in output
    assert "dvc exp run -S experiment=mine" in output
    assert (clone / "data/own/mine/own.en").read_bytes() == source.read_bytes()
    source.write_text("".join(f"the {n % 17} cats saw {n % 19} dogs .\n" for n in range(300)), encoding="utf-8")
    other = source.with_name("translated.txt")
    other.write_text("".join(f"die {n % 17} Katzen sahen {n % 19} Hunde .\n" for n in range(300)), encoding="utf-8")
    sentences("cut", source, other)
    data = proposed(clone, "cut")["data"]
    assert data["tokenizer"] == {"source": "whitespace", "target": "whitespace"}
    other.write_text("only one\n", encoding="utf-8")
    with pytest.raises(PipelineError, match=r"300 lines and .*translated\.txt 1: the n-th lines"):
        sentences("bad", source, other)
    with pytest.raises(PipelineError, match="2 files and --target: expected one table, one text, one file of"):
        sentences("bad", source, target, target="x")
    with pytest.raises(PipelineError, match="3 files: expected one table, one text, one file of"):
        sentences("bad", source, target, other)
    assert not (clone / "conf" / "data" / "bad.yaml").exists()


def test_configs_for_an_own_text(clone: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = clone.parent / "poem.txt"
    source.write_text("Roses are red,\nviolets are blue.\n" * 100 + "é", encoding="utf-8")
    sentences("poem", source)
    tree = proposed(clone, "poem")
    assert tree["task"] == "text"
    assert tree["data"]["source"] == {"name": "own", "folder": "data/own/poem", "files": {"poem.txt": None}}
    assert tree["data"]["test_fraction"] == 0.1  # of so few
    assert (tree["model"]["name"], tree["model"]["hidden_units"]) == ("char_rnn", 256)
    output = capsys.readouterr().out
    assert "3,301 characters in 201 lines; " in output
    assert "1 of them only once" in output
    source.write_bytes(b"\xff")
    with pytest.raises(PipelineError, match="line 1: not valid UTF-8"):
        sentences("bad", source)


@pytest.mark.parametrize(("keys", "is_proposed"), [(200, True), (20, False)])
def test_statistics_are_proposed_where_a_column_has_many_values(clone: Path, keys: int, is_proposed: bool) -> None:
    random = np.random.default_rng(0)
    rows = [f"k{random.integers(keys)},{'ab'[random.integers(2)]},{random.integers(2)}" for _ in range(2000)]
    (clone / "keys.csv").write_text("\n".join(["key,letter,bought", *rows]), encoding="utf-8")
    new("keys", clone / "keys.csv", "bought", None, whole=True, force=False)
    assert proposed(clone, "keys")["model"]["target_statistics"] is is_proposed
    written = (clone / "conf/experiment/keys.yaml").read_text(encoding="utf-8")
    assert ("target_statistics: true # key has 200 values in the sample" in written) is is_proposed


def test_best_has_fewer_folds_where_ten_cannot_be_had(clone: Path) -> None:
    rows = [f"{'abcdef'[row % 6]},{row * 7 % 11},{'yes' if row % 50 == 0 else 'no'}" for row in range(400)]
    (clone / "rare.csv").write_text("\n".join(["letter,number,bought", *rows]), encoding="utf-8")
    for effort in (None, "best"):
        new("rare", clone / "rare.csv", "bought", None, whole=True, force=effort is not None, effort=effort)
        assert proposed(clone, "rare")["data"]["folds"] == 5


def test_quick_and_best_are_smaller_and_larger_networks(clone: Path) -> None:
    sizes = []
    for effort in ("quick", "usual", "best"):
        option = None if effort == "usual" else effort
        new(effort, clone.parent / "houses.csv", "price", None, whole=True, force=False, effort=option)
        tree = proposed(clone, effort)
        sizes.append((tree["data"]["folds"], tree["model"]["ensemble"]))
        assert tree["model"]["numeric_encoding"] == "piecewise"
    assert sizes == [(1, 1), (5, 8), (10, 32)]
    written = (clone / "conf/experiment/best.yaml").read_text(encoding="utf-8")
    assert "proposed by `python -m pipeline.new --best`" in written


@pytest.mark.parametrize(("every", "folds"), [(3, 5), (100, 1)])  # of 4 rows of a class
def test_folds_are_proposed_where_rows_are_few_and_each_has_every_class(clone: Path, every: int, folds: int) -> None:
    rows = [f"{'abcdef'[row % 6]},{row * 7 % 11},{'yes' if row % every == 0 else 'no'}" for row in range(400)]
    (clone / "visits.csv").write_text("\n".join(["letter,number,bought", *rows]), encoding="utf-8")
    new("visits", clone / "visits.csv", "bought", None, whole=True, force=False)
    assert proposed(clone, "visits")["data"]["folds"] == folds
    written = (clone / "conf/data/visits.yaml").read_text(encoding="utf-8")
    assert ("# scores on a tenth of the rows are noisy" in written) is (folds > 1)


def test_two_commands_train_a_network_and_an_edited_cell_trains_another(tmp_path: Path) -> None:
    project = copy_project(tmp_path / "clone")
    write_people(tmp_path)
    project.run("python", "-m", "pipeline.new", "mine", str(tmp_path / "visits.csv"), "--target", "bought")
    short = [f"-S{each}" for each in ("train.epochs=2", "data.folds=1", "tracking.log_model=false")]
    output = project.run("dvc", "exp", "run", "-S", "experiment=mine", *short, "train")
    assert re.search(r"epoch 2/2 .*val_auc 0\.\d+", output)
    assert "test rows held out: 30 of 150 groups (person)" in output
    path = project.folder / "data" / "own" / "mine" / "visits.csv"
    path.write_text(path.read_text(encoding="utf-8").replace(",s1,", ",s99,", 1), encoding="utf-8")
    output = project.run("dvc", "repro", "preprocess")
    stages = re.findall(r"Running stage '(\w+)'", output)
    assert stages == ["fetch", "preprocess"]
    assert re.search(r"^(baseline|train):\n\tchanged deps", project.run("dvc", "status"), re.MULTILINE)
    assert len(json.loads((project.folder / "reports" / "audit.json").read_text())["columns"]) == 3
