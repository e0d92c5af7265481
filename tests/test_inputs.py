"""Files as they come: each is read right by `new` and by the stages, or refused in one sentence."""

import gzip
import io
import sys
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml
from conftest import ROOT

from pipeline.config import in_markdown
from pipeline.data import DataError
from pipeline.data.file_format import FileFormat
from pipeline.data.formulas import without_formulas
from pipeline.data.reading import header, read
from pipeline.data.spelling import as_numbers
from pipeline.data.utf8 import read_lines, waiting_lines
from pipeline.families.table.data.audit import page
from pipeline.families.table.data.audit.audit import Audit
from pipeline.families.table.data.audit.columns import ColumnAudit
from pipeline.families.table.data.audit.findings import Finding, case
from pipeline.families.table.data.guessing import guess
from pipeline.families.table.proposal.sample import look
from pipeline.families.table.proposal.sniffing import sniff
from pipeline.families.translation.data.pairs import read_pairs
from pipeline.families.translation.metrics.scores import TranslationScores
from pipeline.families.translation.proposal import TranslationProposer, grouped, sentence_columns
from pipeline.metrics import plots
from pipeline.metrics.importance import Importance
from pipeline.new import proposer_for
from pipeline.storage import csv_text
from pipeline.tasks import Request

ROWS = [(f"{row}.5", f"k{row % 3}", str(row % 2)) for row in range(40)]
PLAIN = "x,c,y\n" + "".join(f"{','.join(row)}\n" for row in ROWS)
EXPECTED = [{"x": x, "c": c, "y": y} for x, c, y in ROWS]


def zipped(files: dict[str, str]) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return stream.getvalue()


def parquet() -> bytes:
    stream = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(EXPECTED), stream)
    return stream.getvalue()


READ: dict[str, tuple[str, bytes]] = {
    "comments with as many values as the rows": ("t.csv", f"# made, by, hand\n{PLAIN}".encode()),
    "a header that ends with CR, and lines that do": ("t.csv", PLAIN.replace("\n", "\r", 3).encode()),
    "UTF-32": ("t.csv", PLAIN.encode("utf-32")),
    "CSV whose first column is called PAR1": ("t.csv", f"PAR1,{PLAIN}".replace("\n", "\nz,").encode()[:-2]),
    "semicolons": ("t.csv", PLAIN.replace(",", ";").encode()),
    "sep=;": ("t.csv", f"sep=;\n{PLAIN.replace(',', ';')}".encode()),
    "comments before the header": ("t.csv", f"# made by hand\n# on a day, at noon\n{PLAIN}".encode()),
    "a title before the header": ("t.csv", f"All sales\n\n{PLAIN}".encode()),
    "blank lines before the header": ("t.csv", f"\n\n{PLAIN}".encode()),
    "a separator at the end of each row": ("t.csv", PLAIN.replace("\n", ",\n").replace("y,\n", "y\n", 1).encode()),
    "blanks around values and names": ("t.csv", PLAIN.replace(",", " , ").encode()),
    "CR": ("t.csv", PLAIN.replace("\n", "\r").encode()),
    "CRLF": ("t.csv", PLAIN.replace("\n", "\r\n").encode()),
    "UTF-16": ("t.csv", PLAIN.encode("utf-16")),
    "UTF-16 without a mark": ("t.csv", PLAIN.encode("utf-16-be")),
    "tsv.gz": ("t.tsv.gz", gzip.compress(PLAIN.replace(",", "\t").encode())),
    "gzip named .csv": ("t.csv", gzip.compress(PLAIN.encode())),
    "CSV named .gz": ("t.csv.gz", PLAIN.encode()),
    "a ZIP of a Mac": ("t.zip", zipped({"t.csv": PLAIN, "__MACOSX/._t.csv": "x", ".DS_Store": "x"})),
    "a ZIP named .csv": ("t.csv", zipped({"t.csv": PLAIN})),
    "a ZIP with a member outside": ("t.zip", zipped({"../t.csv": PLAIN})),
    "Parquet named .parq": ("t.parq", parquet()),
    "Parquet named .csv": ("t.csv", parquet()),
}


@pytest.mark.parametrize("name", READ)
def test_a_file_is_read(tmp_path: Path, name: str) -> None:
    file, content = READ[name]
    (tmp_path / file).write_bytes(content)
    form = sniff(tmp_path / file)
    assert set(header(tmp_path / file, form)) - {"column_4", "PAR1"} == {"x", "c", "y"}
    assert read(tmp_path / file, ["x", "c", "y"], [], form).to_pylist() == EXPECTED
    assert not (tmp_path.parent / "t.csv").exists()


def doubled() -> bytes:
    stream = io.BytesIO()
    pq.write_table(pa.table([pa.array([1, 2]), pa.array([1, 2])], names=["x", "x"]), stream)
    return stream.getvalue()


REFUSED: dict[str, tuple[str, bytes, str]] = {
    "NUL": ("t.csv", PLAIN.replace("k1", "k\0", 1).encode(), "line 3 holds a NUL byte"),
    "a web page": ("t.csv", b"<!DOCTYPE html>\n<html><body>Forbidden</body></html>", "a web page or XML, not a table"),
    "a part of a web page": ("t.xls", b"<table><tr><td>1</td></tr></table>", "a web page or XML, not a table"),
    "a PDF": ("t.csv", b"%PDF-1.7\n1 0 obj\n", "a PDF document, not a table"),
    "a damaged byte": ("t.csv", ("x,y\n" + "Genève,0\nZürich,1\n" * 30).encode() + b"\xff,1\n", "line 62: not UTF-8"),
    "JSON": ("t.csv", b'[{"x": 1, "y": 0},\n {"x": 2, "y": 1}]\n', r"JSON, not a table; .*lines=False"),
    "JSON lines": ("t.csv", b'{"x": 1, "y": 0}\n{"x": 2, "y": 1}\n', r"JSON, not a table; .*lines=True"),
    "a ZIP of several": ("t.zip", zipped({"a.csv": PLAIN, "b.csv": PLAIN}), r"received 2: a\.csv, b\.csv; unpack it"),
    "a cut ZIP": ("t.zip", zipped({"a.csv": PLAIN})[:-30], "cannot be unpacked"),
    "a cut gzip": ("t.csv.gz", gzip.compress(PLAIN.encode())[:-9], "cannot be read"),
    "Parquet with two columns of one name": ("t.parquet", doubled(), "several columns have the same name"),
    "a cut Parquet file": ("t.parquet", parquet()[:-20], "not a readable Parquet file"),
    "no rows": ("t.csv", b"x,y\n", "no rows"),
    "an empty file": ("t.csv", b"\n \n", "the file is empty"),
    "a short row": ("t.csv", PLAIN.encode() + b"1\n", "line 42: 1 values, expected 3"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_file_is_refused_in_one_sentence(tmp_path: Path, name: str) -> None:
    file, content, fault = REFUSED[name]
    (tmp_path / file).write_bytes(content)
    with pytest.raises(DataError, match=fault) as error:
        proposer_for([tmp_path / file], "y").propose(Request("mine", [tmp_path / file], "data", "y"))
    assert len(str(error.value)) < 500


def test_a_workbook_is_read(tmp_path: Path) -> None:
    openpyxl = pytest.importorskip("openpyxl")
    book = openpyxl.Workbook()
    for row in [("x", "c", "y"), *((float(x), c, int(y)) for x, c, y in ROWS)]:
        book.active.append(row)
    book.save(tmp_path / "t.xlsx")
    form = sniff(tmp_path / "t.xlsx")
    assert read(tmp_path / "t.xlsx", ["x", "c", "y"], [], form).to_pylist() == EXPECTED
    book.create_sheet("more")
    book.save(tmp_path / "t.xlsx")
    with pytest.raises(DataError, match=r"2 sheets \(Sheet, more\); save the one to use as CSV"):
        sniff(tmp_path / "t.xlsx")


def test_a_workbook_without_its_reader_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "t.xlsx").write_bytes(zipped({"xl/workbook.xml": "x"}))
    monkeypatch.setitem(sys.modules, "openpyxl", None)
    with pytest.raises(DataError, match="an Excel workbook; save its sheet as CSV, or install openpyxl"):
        sniff(tmp_path / "t.xlsx")


def guessed(values: list[str], name: str = "v") -> Any:
    return guess(name, pa.chunked_array([pa.array(values, pa.string())]), FileFormat())


@pytest.mark.parametrize(
    ("first", "others", "form", "is_certain"),
    [
        ("31.12.2013", "01.02.2020", "day_first", True),
        ("12/31/2013", "01/02/2020", "month_first", True),
        ("01/02/2020", "03/04/2020", "month_first", False),
        ("01.02.2020", "03.04.2020", "day_first", False),
        ("31-Dec-2013", "01-Feb-2020", "day_first", True),
        ("2020-01-01T10:00:00Z", "2020-01-01T10:00:00+05:30", "year_first", True),
    ],
)
def test_how_dates_are_written_is_decided_by_all_of_them(first: str, others: str, form: str, is_certain: bool) -> None:
    found = guessed([first] + [others] * 60)
    assert (found.kind, found.date_format, found.is_certain) == ("date", form, is_certain)


def test_impossible_dates_are_missing_and_large_numbers_are_dates_by_their_name() -> None:
    days = [f"2021-{1 + i % 12:02}-{1 + i % 28:02}" for i in range(400)]
    found = guessed([*days, "2021-02-30", "0000-00-00"])
    assert (found.kind, found.strays) == ("date", {"2021-02-30": 1, "0000-00-00": 1})
    seconds = [str(1577836800 + 86_400 * i) for i in range(100)]
    assert guessed(seconds, "created_at").date_format == "unix"
    assert guessed(seconds, "price").kind in ("numeric", "id")


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        ([f"{58130623 + 37 * i}" for i in range(200)], "numeric"),
        ([f"{1 + i % 9}.{1 + i % 5}.{20 + i % 9}" for i in range(200)], "categorical"),
        ([f"{1 + i % 28:02}.{1 + i % 12:02}.{20 + i % 9}" for i in range(200)], "date"),
    ],
)
def test_account_numbers_and_versions_are_no_dates(values: list[str], kind: str) -> None:
    assert guessed(values).kind == kind


def test_what_is_no_date_but_a_value_elsewhere_is_not_missing(tmp_path: Path) -> None:
    rows = "".join(f"{'0' if row == 7 else 1577836800 + 86400 * row},{row % 2}\n" for row in range(300))
    (tmp_path / "t.csv").write_text(f"created_at,y\n{rows}", encoding="utf-8")
    sample = look(tmp_path / "t.csv", read_all=False)
    assert sample.form.missing == ("",)
    assert [column.kind for column in sample.guesses] == ["numeric", "categorical"]


def test_a_number_with_a_unit_that_is_missing_stands_for_itself_only() -> None:
    form = FileFormat(missing_numbers=["17%", "-999"])
    assert as_numbers(pa.array(["17%", "17", "-999.0", "16%"]), form)[0].to_pylist() == [None, 17.0, None, 16.0]


def test_a_file_in_utf_8_is_read_where_another_encoding_was_found(tmp_path: Path) -> None:
    for encoding in ("utf-8", "utf-8-sig", "utf-16", "cp1252"):
        (tmp_path / "t.csv").write_bytes("a,b\nZürich,1\n".encode(encoding))
        assert read(tmp_path / "t.csv", ["a"], [], FileFormat(encoding="cp1252"))["a"].to_pylist() == ["Zürich"], (
            encoding
        )


def test_numbers_that_are_not_finite_are_named() -> None:
    found = guessed([f"{i}.5" for i in range(300)] + ["inf", "-inf", "1e309"])
    assert (found.kind, found.strays) == ("numeric", {"inf": 1, "-inf": 1, "1e309": 1})


SENTENCES = [(f"this is the sentence {row} of many", f"dies ist der Satz {row} von vielen") for row in range(60)]


def written(folder: Path, names: list[str], pairs: list[tuple[str, str]] = SENTENCES, end: str = "\n") -> list[Path]:
    """Write both sides of the pairs to files, in turns."""
    for place, name in enumerate(names):
        content = "".join(f"{pair[place % 2]}{end}" for pair in pairs).encode()
        (folder / name).write_bytes(gzip.compress(content) if name.endswith(".gz") else content)
    return [folder / name for name in names]


@pytest.mark.parametrize(
    ("names", "languages", "parts"),
    [
        (["a.en", "a.de"], ("en", "de"), {"train"}),
        (["a.EN", "a.DE"], ("en", "de"), {"train"}),
        (["train.en.gz", "train.de.gz"], ("en", "de"), {"train"}),
        (["train.en.txt", "train.zh-TW.txt", "dev.en.txt", "dev.zh-TW.txt"], ("en", "zh-TW"), {"train", "val"}),
        (
            ["train_en", "train_de", "valid_en", "valid_de", "test_en", "test_de"],
            ("en", "de"),
            {"train", "val", "test"},
        ),
        (["train.src", "train.tgt"], ("source", "target"), {"train"}),
        (["val_en.txt", "val_de.txt", "train_en.txt", "train_de.txt"], ("en", "de"), {"train", "val"}),
        (["my.zh-tw", "my.en"], ("zh-TW", "en"), {"train"}),
    ],
)
def test_the_parts_of_a_corpus_are_found_by_the_names(
    tmp_path: Path, names: list[str], languages: tuple[str, str], parts: set[str]
) -> None:
    files = written(tmp_path, names)
    found = grouped(files)
    assert (found[0], set(found[1])) == (languages, parts)
    proposal = TranslationProposer().propose(Request("mine", files, "data"))
    section = yaml.safe_load(proposal.data)
    assert {part for part in ("train", "val", "test") if section[part]} == parts


def test_tab_separated_pairs_are_sentences_and_other_tables_are_not(tmp_path: Path) -> None:
    pairs = tmp_path / "pairs.txt"
    pairs.write_text("".join(f"{one}\t{two}\tCC-BY\n" for one, two in SENTENCES), encoding="utf-8")
    assert sentence_columns(pairs) == (1, 2)
    assert isinstance(proposer_for([pairs], None), TranslationProposer)
    section = yaml.safe_load(TranslationProposer().propose(Request("mine", [pairs], "data")).data)
    assert section["columns"] == {"source": 1, "target": 2}
    table = tmp_path / "table.txt"
    table.write_text("name\tcity\tage\n" + "Ann Lee\tNew York City\t31\n" * 50, encoding="utf-8")
    assert sentence_columns(table) is None


@pytest.mark.parametrize(
    ("names", "pairs", "fault"),
    [
        (["a.en", "b.de", "c.en", "d.de"], SENTENCES, "the names do not say which files belong together"),
        (["a.en", "a.de"], SENTENCES[:1] * 500, r"expected 20 at least, received 1 \(500 with repetitions\)"),
        (["a.en", "a.de"], [("\u200b", "x")] * 50, "no pair of sentences"),
    ],
)
def test_a_corpus_is_refused_in_one_sentence(
    tmp_path: Path, names: list[str], pairs: list[tuple[str, str]], fault: str
) -> None:
    with pytest.raises(DataError, match=fault):
        TranslationProposer().propose(Request("mine", written(tmp_path, names, pairs), "data"))


def test_lines_may_end_with_carriage_returns_and_long_sentences_are_kept(tmp_path: Path) -> None:
    files = written(tmp_path, ["a.en", "a.de"], [(f"{one} " * 30, two) for one, two in SENTENCES], "\r")
    assert len(read_lines(files[0])) == 60
    section = yaml.safe_load(TranslationProposer().propose(Request("mine", files, "data")).data)
    assert section["max_tokens"] >= 30 * 7
    corpus = read_pairs(tmp_path, {"en": "a.en", "de": "a.de"}, ("en", "de"), None, once=True)
    assert len(corpus.pairs) == 60


def test_pieces_are_proposed_where_words_would_be_unknown(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    names = [f"{''.join(random.choice([*'abcdefgh'], 6))} saw {row % 3} of them" for row in range(400)]
    few = [f"the {row % 7} cats saw the {row % 5} dogs" for row in range(400)]
    files = written(tmp_path, ["a.en", "a.de"], list(zip(names, few, strict=True)))
    section = yaml.safe_load(TranslationProposer().propose(Request("mine", files, "data")).data)
    assert section["tokenizer"] == {"en": "unigram", "de": "whitespace"}


def test_waiting_lines_are_read_together() -> None:
    stream = io.BytesIO(b"one\ntwo\nthree\nlast")
    assert list(waiting_lines(stream, 2)) == [[b"one", b"two"], [b"three"], [b"last"]]


def test_lower_case_is_in_the_signature() -> None:
    texts, references = ["A b c d"], ["a b c d"]
    kept, lowered = (TranslationScores(texts, references, "none", lowercase=each) for each in (False, True))
    assert "case:mixed" in kept.signature
    assert lowered.signature.count("case:lc") == 2
    assert kept(np.ones(1))["bleu"] < lowered(np.ones(1))["bleu"] == pytest.approx(100)


NAME = "<img src=x onerror=alert(1)> | **b** `c` [d](e) $a_{"


def test_names_are_text_in_pages_and_pictures(tmp_path: Path) -> None:
    escaped = in_markdown(NAME)
    assert "<" not in escaped
    for mark in "*`[]|":
        assert escaped.count(mark) == escaped.count(f"\\{mark}") == NAME.count(mark)
    column = ColumnAudit(NAME, "categorical", 1, 1, 0.0, 1.0, *[None] * 3, *[0.5] * 3, *[None] * 3, 0, 0.0, {}, {}, {})
    audit = Audit("binary", {"train": 1}, f"by {NAME}", {}, 0.0, {}, {}, [], [], [column], [], {})
    written = page("mine", audit, [Finding("leak", NAME, f"{NAME} predicts"), case(NAME, [["a", "A"]])])
    assert "<img" not in written
    importances = [Importance((NAME,), 0.1, 0.0, 0.2)]
    plots.importance(NAME, importances).savefig(tmp_path / "p.svg")
    drawn = (tmp_path / "p.svg").read_text(encoding="utf-8")
    assert "<img" not in drawn


def test_the_page_inserts_no_markup() -> None:
    for path in ROOT.glob("pipeline/**/web/*.js"):
        text = path.read_text(encoding="utf-8")
        for word in ("innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval("):
            assert word not in text, path


def test_cells_are_no_formulas() -> None:
    cells = ["=1+1", "+cmd", "-2.5", "@x", "a=b", "-", "1e3"]
    safe = ["'=1+1", "'+cmd", "-2.5", "'@x", "a=b", "'-", "1e3"]
    assert csv_text(["=a"], [[cell] for cell in cells]).splitlines() == ["'=a", *safe]
    rows = without_formulas(pa.table({"a": cells, "n": list(range(7))}))
    assert rows["a"].to_pylist() == safe
