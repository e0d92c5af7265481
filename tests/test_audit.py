"""Leaks, groups, doubles and drift are found where they were put, and not where chance looks like them."""

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from conftest import write_tiny
from sklearn.metrics import roc_auc_score
from stages import Stages
from tiny import tiny

from pipeline.families.table.data.audit.statistics import area
from pipeline.families.table.data.rows import text_hashes
from pipeline.storage import AUDIT, RAW

PEOPLE, EACH = 150, 10
Change = Callable[[int, dict[str, Any]], None]


def write_people(folder: Path, change: Change = lambda _i, _row: None) -> None:
    """Write visits of people whose outcome never changes; nothing else has to do with it but `age`, a little."""
    random = np.random.default_rng(0)
    folder.mkdir(parents=True, exist_ok=True)
    bought = random.random(PEOPLE) < 0.4
    with (folder / "visits.csv").open("w", encoding="utf-8", newline="") as stream:
        writer = None
        for i in range(PEOPLE * EACH):
            person = i // EACH
            row = {
                "visit": f"v{i}",
                "person": f"p{person}",
                "shop": f"s{random.integers(40)}",
                "age": f"{random.normal(40 + 5 * bought[person], 10):.3f}",
                "bought": int(bought[person]),
            }
            change(i, row)
            if writer is None:
                writer = csv.DictWriter(stream, list(row))
                writer.writeheader()
            writer.writerow(row)


def audited(**changes: Any) -> tuple[dict[str, Any], list[tuple[str, str]]]:
    """Preprocess; return the audit and its warnings as (kind, subject)."""
    files = {path.name: None for path in RAW.iterdir()}
    settings = {
        "data__source": {"name": "own", "folder": "data/own", "files": files},
        "data__main_file": "visits.csv",
        "data__joins": [],
        "data__target": "bought",
        "data__id": "visit",
        "data__calendar": [],
        "data__columns": "infer",
        "data__categorical": [],
        "data__numeric": [],
        "data__split": "group",
        "data__split_by": ["person"],
        **changes,
    }
    Stages(tiny(**settings)).preprocess()
    audit = json.loads(AUDIT.read_text(encoding="utf-8"))
    return audit, [(each["kind"], each["subject"]) for each in audit["warnings"]]


def column(audit: dict[str, Any], name: str) -> dict[str, Any]:
    return next(each for each in audit["columns"] if each["name"] == name)


def test_a_table_without_leaks_gets_no_warning(workspace: Path) -> None:
    write_people(RAW)
    audit, warnings = audited()
    assert warnings == []
    assert audit["rows"] == {"train": 900, "val": 300, "test": 300}
    assert audit["shared_groups"] == {"val": 0, "test": 0}
    person = column(audit, "person")
    assert person["kind"] == "none"
    assert person["constant"] == 1
    assert person["unseen"] == {"val": 1, "test": 1}
    assert 0.5 < column(audit, "age")["auc"] < 0.8
    assert "| person " in AUDIT.with_suffix(".md").read_text(encoding="utf-8")


def test_a_group_on_both_sides_is_named(workspace: Path) -> None:
    write_people(RAW)
    audit, warnings = audited(data__split="random", data__split_by=[])
    assert warnings == [("group", "person")]
    assert "data.split=group data.split_by=[person]" in audit["warnings"][0]["text"]
    assert column(audit, "person")["constant_by_chance"] < 0.2


def test_a_lopsided_split_is_named(workspace: Path) -> None:
    """One person has two thirds of the visits."""

    def crowd(i: int, row: dict[str, Any]) -> None:
        row["person"] = "p0" if i % 3 else row["person"]
        row["bought"] = i % 2

    write_people(RAW, crowd)
    audit, warnings = audited()
    assert ("split", "test") in warnings
    (text,) = (each["text"] for each in audit["warnings"] if (each["kind"], each["subject"]) == ("split", "test"))
    rows = audit["rows"]["test"]
    assert f"{rows:,} of 1,500 rows ({rows / 1500:.1%}), asked for were 20.0%" in text
    assert "data.split_seed" in text


def test_few_positives_do_not_make_a_group(workspace: Path) -> None:
    """Where 97 % of the rows are of one class, most shops' rows are, too."""

    def rare(i: int, row: dict[str, Any]) -> None:
        row["bought"] = int(i % 33 == 0)
        row["shop"] = f"s{i * 7 % 500}"

    write_people(RAW, rare)
    audit, warnings = audited(data__split="random", data__split_by=[])
    assert column(audit, "shop")["constant"] > 0.8
    assert warnings == []


@pytest.mark.parametrize("split", [{}, {"data__split": "random", "data__split_by": [], "data__drop": ["person"]}])
def test_a_column_that_tells_the_answer_is_named(workspace: Path, split: dict[str, Any]) -> None:
    random = np.random.default_rng(1)

    def tell(_i: int, row: dict[str, Any]) -> None:
        row["receipt"] = ("yes" if row["bought"] else "no") if random.random() > 0.1 else ""
        row["bill"] = f"{row['bought'] * 20 + random.normal(10, 6):.2f}"
        row["paid"] = "paid" if row["bought"] else "open"

    write_people(RAW, tell)
    audit, warnings = audited(**split)
    assert warnings == [("leak", "receipt"), ("leak", "paid"), ("leak", "bill")]
    texts = [each["text"] for each in audit["warnings"]]
    assert texts[2].startswith("predicts the target almost on its own: AUC 0.9")
    assert texts[1].startswith("determines the target: it alone predicts 100.00% of the 300 validation rows")


def test_amounts_and_several_classes_have_leaks_too(workspace: Path) -> None:
    random = np.random.default_rng(1)

    def tell(_i: int, row: dict[str, Any]) -> None:
        row["amount"] = f"{random.normal(100, 20):.2f}"
        row["taxed"] = f"{float(row['amount']) * 1.2:.2f}"
        row["grade"] = random.choice(["low", "middle", "high"])
        row["points"] = {"low": 1, "middle": 5, "high": 9}[row["grade"]] + random.normal(0, 0.5)

    write_people(RAW, tell)
    _, warnings = audited(data__target="amount", data__drop=["grade", "points"])
    assert warnings == [("leak", "taxed")]
    _, warnings = audited(data__target="grade", data__drop=["amount", "taxed"])
    assert warnings == [("leak", "points")]


def test_doubles_across_splits_and_repeated_ids_are_named(workspace: Path) -> None:
    first: dict[int, dict[str, Any]] = {}

    def repeat(i: int, row: dict[str, Any]) -> None:
        if i % 4 == 0:  # a record of half a table before, under another person
            row.update({name: first[i - 700][name] for name in ("shop", "age")} if i >= 700 else {})
        first[i] = dict(row)
        row["visit"] = {29: "v9", 30: "", 31: ""}.get(i, row["visit"])

    write_people(RAW, repeat)
    audit, warnings = audited()
    assert warnings == [("doubles", "val"), ("doubles", "test"), ("ids", "visits.csv")]
    assert 0.01 < audit["doubles"]["test"] < 0.3
    assert audit["repeated_ids"] == {"visits.csv": [1, [11, 31]]}
    assert audit["warnings"][2]["text"] == "1 ids occur in several rows, the first in lines 11, 31"


def test_numbers_may_be_names(workspace: Path) -> None:
    def number(i: int, row: dict[str, Any]) -> None:
        row["person"] = 5000 + 7 * (i // EACH)

    write_people(RAW, number)
    audit, warnings = audited(data__split="random", data__split_by=[])
    assert warnings == [("group", "person")]
    assert column(audit, "person")["values"] == PEOPLE
    assert column(audit, "age")["values"] is None


def test_values_that_tell_an_amount_are_a_group_too(workspace: Path) -> None:
    random = np.random.default_rng(1)
    level = random.normal(100, 20, PEOPLE)

    def pay(i: int, row: dict[str, Any]) -> None:
        row["amount"] = f"{level[i // EACH] + random.normal(0, 2):.2f}"

    write_people(RAW, pay)
    audit, warnings = audited(data__target="amount", data__split="random", data__split_by=[])
    assert warnings == [("group", "person")]
    assert "predict the target almost on their own" in audit["warnings"][0]["text"]


def test_a_code_of_few_values_is_an_answer_and_no_group(workspace: Path) -> None:
    def close(i: int, row: dict[str, Any]) -> None:
        row["code"] = f"c{2 * (i % 6) + row['bought']}"

    write_people(RAW, close)
    assert audited()[1] == [("leak", "code")]


def test_most_amounts_may_be_zero(workspace: Path) -> None:
    random = np.random.default_rng(1)

    def claim(_i: int, row: dict[str, Any]) -> None:
        row["claim"] = f"{random.gamma(2, 100):.2f}" if row["bought"] else "0"
        row["file"] = float(row["claim"]) * random.uniform(0.9, 1.1)

    write_people(RAW, claim)
    audit, warnings = audited(data__target="claim", data__drop=["bought"], data__problem_type="regression")
    assert ("leak", "file") in warnings
    assert column(audit, "file")["auc"] > 0.95


def test_equal_rows_of_few_categories_are_no_doubles(workspace: Path) -> None:
    def few(i: int, row: dict[str, Any]) -> None:
        row["age"], row["shop"] = i * 13 % 5, f"s{i * 7 % 4}"

    write_people(RAW, few)
    audit, warnings = audited()
    assert audit["doubles"]["test"] == 1
    assert audit["doubles_by_chance"] > 0.9
    assert warnings == []


def test_what_a_cut_by_time_makes_differ_is_no_drift(workspace: Path) -> None:
    def date(i: int, row: dict[str, Any]) -> None:
        row["day"] = f"2024-{1 + i % 9:02}-{1 + i % 28:02}"

    write_people(RAW, date)
    audit, warnings = audited(data__split="time", data__split_by=["day"], data__drop=["person"])
    assert column(audit, "day_month")["unseen"]["test"] > 0.5
    assert warnings == []


def test_constant_columns_and_unlabelled_rows_of_another_kind_are_named(workspace: Path) -> None:
    def fix(i: int, row: dict[str, Any]) -> None:
        row["country"] = "here"
        row["height"] = f"{160 + i % 29}.5"

    write_people(RAW, fix)
    with (RAW / "new.csv").open("w", encoding="utf-8") as stream:
        stream.write("visit,person,shop,age,country,height\n")
        for i in range(300):
            stream.write(f"n{i},q{i},{'x' if i % 2 else 's1'},{40 + i % 20},here,{190 + i % 5}.5\n")
    audit, warnings = audited(data__unlabelled="new.csv")
    assert ("constant", "country") in warnings
    assert ("unseen", "shop") in warnings
    assert ("drift", "height") in warnings
    assert audit["rows"]["unlabelled"] == 300
    assert column(audit, "shop")["unseen"]["unlabelled"] == 0.5
    assert column(audit, "height")["drift"]["test"] < 0.1


def test_a_joined_key_is_looked_at(workspace: Path) -> None:
    write_tiny(RAW)
    Stages(tiny()).preprocess()
    audit = json.loads(AUDIT.read_text(encoding="utf-8"))
    names = {each["name"]: each["kind"] for each in audit["columns"]}
    assert names == {
        "shop": "categorical",
        "shop_town": "categorical",
        "shop_size": "numeric",
        "colour": "categorical",
        "when_weekday": "categorical",
        "date": "none",
        "price": "numeric",
    }
    missing = {each["name"]: each["missing"] for each in audit["columns"]}
    assert missing["price"] == pytest.approx(1 / 17, abs=0.02)
    assert missing["shop_town"] == missing["shop_size"] > 0  # one shop has no row in the side table


def test_area_is_the_usual_one() -> None:
    random = np.random.default_rng(0)
    positive, negative, score = random.integers(5, size=20), random.integers(5, size=20), random.integers(8, size=20)
    target = np.r_[np.ones(positive.sum()), np.zeros(negative.sum())]
    scores = np.r_[np.repeat(score, positive), np.repeat(score, negative)]
    assert area(positive, negative, score) == pytest.approx(roc_auc_score(target, scores))


def test_texts_of_any_length_are_told_apart() -> None:
    texts = ["", "a", "aa", "b", "ab", "ba", "é", "x" * 10_000, "x" * 9_999, None]
    hashes = text_hashes(pa.chunked_array([texts[:4], texts[4:]]))
    assert len(set(hashes.tolist())) == 9  # none is as good as empty
    assert text_hashes(pa.chunked_array([["b"]]))[0] == hashes[3]
