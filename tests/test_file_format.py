"""Files of every dialect: what is found out about them, and what is read."""

import csv
import gzip
import io
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from pipeline.data import DataError, header
from pipeline.data.cells import text_of
from pipeline.data.file_format import FileFormat, numbers_of
from pipeline.data.reading import read, sample
from pipeline.families.table.proposal.sniffing import looks_like_table, sniff

TOWNS = "name;größe;stadt\n" + "Müller;3,5;Köln\nSchön;4,5;München\n" * 3
CITIES = "имя;город\n" + "Иван;Москва\nПётр;Казань\n" * 5
JAPANESE = "名前,都市\n" + "田中,東京\n鈴木,大阪\n" * 5
ADULT = "39, State-gov, 77516\n50, Private, 83311\n38, Private, 215646\n22, Private, 7\n22, State-gov, 8\n"


@pytest.mark.parametrize(
    ("text", "encoding", "expected"),
    [
        ("a,b\n1,x\n", "utf-8", FileFormat()),
        ("a;b\n1,5;x\n2,5;y\n", "utf-8", FileFormat(";", ",")),
        ("a;b\n1.5;x,y\n2.5;y,z\n", "utf-8", FileFormat(";")),
        ("a\tb\n1.5\tx, y\n2.5\ty\n", "utf-8", FileFormat("\t")),
        ("a|b|c\n1.5|x,y|z\n2.5|y|z\n", "utf-8", FileFormat("|")),
        ("a,genres\n1,x|y\n2,z\n", "utf-8", FileFormat()),
        ("a\n1\n2\n", "utf-8", FileFormat()),
        (TOWNS, "cp1252", FileFormat(";", ",", "cp1252")),
        ("x,naïve\n1,a\n2,b\n", "cp1252", FileFormat(encoding="cp1252")),
        (TOWNS, "utf-8-sig", FileFormat(";", ",")),
        (CITIES, "cp1251", FileFormat(";", encoding="cp1251")),
        (CITIES, "utf-16", FileFormat(";", encoding="utf-16")),
        (JAPANESE, "cp932", FileFormat(encoding="cp932")),
        (ADULT, "utf-8", FileFormat(header=False)),
        ("p,x,s\ne,x,s\n" + "p,b,s\ne,b,s\n" * 5, "utf-8", FileFormat(header=False)),
        ("5.1,3.5,setosa\n4.9,3.0,setosa\n4.7,3.2,setosa\n", "utf-8", FileFormat(header=False)),
        ("name,2013,2014\nx,1,2\ny,3,4\n", "utf-8", FileFormat()),
        ("a b,c\n1,2\n", "utf-8", FileFormat()),
    ],
)
def test_a_format_is_found(tmp_path: Path, text: str, encoding: str, expected: FileFormat) -> None:
    for name, content in (("rows.csv", text.encode(encoding)), ("rows.csv.gz", gzip.compress(text.encode(encoding)))):
        (tmp_path / name).write_bytes(content)
        assert sniff(tmp_path / name) == expected


@pytest.mark.parametrize(
    ("content", "fault"), [(b"", "the file is empty"), (b"\x89PNG\r\n\0\0\xff", "holds a NUL byte")]
)
def test_what_is_no_table_is_refused(tmp_path: Path, content: bytes, fault: str) -> None:
    (tmp_path / "rows.csv").write_bytes(content)
    with pytest.raises(DataError, match=fault):
        sniff(tmp_path / "rows.csv")


def test_a_text_is_no_table(tmp_path: Path) -> None:
    path = tmp_path / "some.txt"
    path.write_text("Roses are red,\nviolets are blue.\n", encoding="utf-8")
    assert not looks_like_table(path)
    path.write_text(TOWNS, encoding="utf-8")
    assert looks_like_table(path)


def test_other_formats_are_read(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_bytes(' name ; größe;\nMüller ;3,5; a\n; 1.234,5 ;b\n"S;hön";?;\n'.encode("cp1252"))
    form = FileFormat(";", ",", "cp1252", missing_numbers=["?"])
    assert header(path, form) == ["name", "größe", "column_3"]
    assert read(path, ["name", "größe", "column_3"], ["größe"], form).to_pylist() == [
        {"name": "Müller", "größe": 3.5, "column_3": "a"},
        {"name": None, "größe": 1234.5, "column_3": "b"},
        {"name": "S;hön", "größe": None, "column_3": None},
    ]
    path.write_bytes(ADULT.encode("utf-16"))
    form = FileFormat(encoding="utf-16", header=False)
    rows, has_more = sample(path, form)
    assert rows.to_pylist()[0] == {"column_1": "39", "column_2": "State-gov", "column_3": "77516"}
    assert (len(rows), has_more) == (5, False)


def test_a_quote_that_is_not_closed_does_not_hide_the_rows_after_it(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_text('a,b\n1,"x\n2,y\n3,z\n', encoding="utf-8")
    with pytest.raises(DataError, match=r"rows\.csv: line 2: a quote is opened and not closed"):
        read(path, ["a", "b"], ["a"], FileFormat())
    path.write_text('a,b\n1,5" pipe\n2,y\n3,"z."\n4,q\n', encoding="utf-8")  # an ordinary character
    assert read(path, ["b"], [], FileFormat())["b"].to_pylist() == ['5" pipe', "y", "z.", "q"]


def test_a_text_among_numbers_of_another_format_is_named(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_text("a;b\n1,5;x\n1.5;y\n", encoding="utf-8")
    with pytest.raises(DataError, match=r"rows\.csv: line 3: column 'a': '1\.5' is not a number\. .*missing_numbers"):
        read(path, ["a", "b"], ["a"], FileFormat(";", ","))


@pytest.mark.parametrize(
    ("text", "decimal", "number"),
    [
        (" 5 ", ".", 5.0),
        ("1,234.5", ".", 1234.5),
        ("3,993,383", ".", 3993383.0),
        ("1 234.5", ".", 1234.5),
        ("12,5", ".", "unreadable"),
        ("€ 3", ".", 3.0),
        ("-$1,200", ".", -1200.0),
        ("45%", ".", 45.0),
        ("1e3", ".", 1000.0),
        ("True", ".", "unreadable"),
        ("1_000", ".", "unreadable"),
        ("", ".", None),
        ("?", ".", None),
        ("12,5", ",", 12.5),
        ("1.234,5", ",", 1234.5),
        ("1.234", ",", 1234.0),
        ("12.5", ",", "unreadable"),
    ],
)
def test_a_text_is_read_as_a_number(text: str, decimal: str, number: float | str | None) -> None:
    (value,), (unreadable,) = numbers_of(pa.array([text]), FileFormat(decimal=decimal, missing_numbers=["?"]))
    assert (unreadable.as_py(), value.as_py()) == ((True, None) if number == "unreadable" else (False, number))


CELLS = some.text(some.characters(codec="utf-8", exclude_characters="\0\r\n", exclude_categories=["Cs"]), max_size=8)


@settings(max_examples=50, deadline=None, derandomize=True)
@given(rows=some.lists(some.tuples(CELLS, CELLS), min_size=1, max_size=20), separator=some.sampled_from(",;\t|"))
def test_what_a_writer_writes_is_read(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[str, str]], separator: str
) -> None:
    stream = io.StringIO(newline="")
    writer = csv.writer(stream, delimiter=separator, quoting=csv.QUOTE_ALL)
    writer.writerows([("first", "second"), *rows])
    path = tmp_path_factory.mktemp("written") / "rows.csv"
    path.write_bytes(stream.getvalue().encode())
    found = read(path, ["first", "second"], [], FileFormat(separator)).to_pylist()
    assert found == [{"first": text_of(one, ".") or None, "second": text_of(two, ".") or None} for one, two in rows]
