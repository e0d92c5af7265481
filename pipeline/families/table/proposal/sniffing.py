"""Find out how an unknown CSV file is written: encoding, separator, decimal mark, and whether it has a header."""

import codecs
import csv
import io
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import charset_normalizer
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.data.errors import DataError
from pipeline.data.file_format import FileFormat, numbers_of
from pipeline.data.opening import MARKS, is_parquet, unpacked
from pipeline.data.reading import SEPARATORS, is_number

EXAMINED = 256 * 1024
"""Bytes of a file that are examined."""
ROWS = 500
"""Rows of it that are compared."""
LOOKED_AT = 1000
"""Characters in which the marks of other formats are looked for."""
MOST_LINES_BEFORE = 50
"""Maximum number of lines before the header."""
COMMENTS = ("#", "%", "//")
TWO = 2
"""A table of so few columns may lack the name of one."""
SEP = re.compile(r"(?i)^sep=(.)\s*$", re.MULTILINE)
"""A first line that names the separator, as Excel writes it."""
MOSTLY = 0.5
MUCH_MORE, LEAST_FIRST_BYTE = 10, 0xC0
"""How many more letters than damaged bytes a file in UTF-8 has; a letter beyond ASCII begins with such a byte."""
WESTERN = "cp1252"
"""The encoding of text that is not Unicode and mostly of ASCII letters."""
OTHERS = ["cp1251", "cp1253", "cp932", "gb18030", "euc_kr", "big5", "koi8_r"]
"""Encodings that are considered for text of other letters."""
DECIMAL = r"^[+-]?(\d{1,3}(%s\d{3})+%s\d+|(\d*|\d{1,3}([ \x{a0}\x{202f}]\d{3})+)%s(\d{1,2}|\d{4,})|0?%s\d+)$"
MAY_BE_COMMA, HAS_POINT = r"^[+-]?\d{1,3},\d{3}$", r"^[+-]?\d*\.\d+$"
GROUPED = r"^[+-]?\d{1,3}(%s\d{3}){2,}$"
"""Numbers in which a mark is certainly decimal, or groups digits; 1,234 may be either."""


def sniff(path: Path) -> FileFormat:
    """Return the format of a file, from its first rows; a Parquet file has none to find.

    Raises:
        DataError: The file does not exist, is empty, or is not text.
    """
    if is_parquet(path):
        return FileFormat()
    text, encoding = _start(path)
    _refuse_other_formats(path, text)
    separator = _separator(text)
    skipped = _lines_before_table(text, separator)
    rows = _rows(text.split("\n", skipped)[-1], separator)
    form = FileFormat(separator=separator, encoding=encoding, skip_lines=skipped)
    width = Counter(map(len, rows)).most_common(1)[0][0]
    columns = [[row[i].strip() for row in rows[1:] if len(row) == width] for i in range(width)]
    form = replace(form, decimal=_decimal(columns, separator))
    return replace(form, header=_has_header([cell.strip() for cell in rows[0]], columns, form))


def looks_like_table(path: Path) -> bool:
    """Return whether the lines of a text file have the same number of separated values, two at least."""
    text, _ = _start(path)
    widths = {len(row) for row in _rows(text, _separator(text))}
    return len(widths) == 1 and widths.pop() > 1


def _start(path: Path) -> tuple[str, str]:
    """Return the first lines of a file and its encoding."""
    try:
        with unpacked(path) as stream:
            start = stream.read(EXAMINED)
    except (pa.ArrowInvalid, OSError, EOFError) as error:
        raise DataError(f"{path}: cannot be read: {error}") from error
    if not start.strip():
        raise DataError(f"{path}: the file is empty; expected a header line and rows")
    encoding = _encoding(path, start)
    text = codecs.getincrementaldecoder("utf-8-sig" if encoding == "utf-8" else encoding)("replace").decode(start)
    header = text.partition("\n")[0].removesuffix("\r")
    if "\r" in header and '"' not in header:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    if len(start) == EXAMINED:  # the last line may be cut
        text = text[: text.rfind("\n") + 1] or text
    return text, encoding


def _refuse_other_formats(path: Path, text: str) -> None:
    start = text.lstrip()[:LOOKED_AT].lower()
    if text.startswith("%PDF"):
        raise DataError(f"{path}: a PDF document, not a table; export its rows as CSV")
    if re.match(r"<[!?a-z]", start):
        raise DataError(f"{path}: a web page or XML, not a table; was the download refused? Open the file to see")
    if re.match(r"\[?\s*\{\s*\"[^\"]*\"\s*:", start):
        raise DataError(
            f"{path}: JSON, not a table; convert it, for example with pandas: `pandas.read_json({str(path)!r}, "
            f"lines={start.startswith('{')}).to_csv('table.csv', index=False)`"
        )


def _lines_before_table(text: str, separator: str) -> int:
    """Return the number of lines before the header: blank ones, comments, titles, and Excel's `sep=;`."""
    rows = [row for row in _rows(text, separator) if any(cell.strip() for cell in row)]
    usual = Counter(map(len, rows)).most_common(1)[0][0] if rows else 1
    # Only line feeds end a line: str.splitlines would also split at other characters within names.
    lines = [line.rstrip("\r") for line in text.split("\n", MOST_LINES_BEFORE + 1)[: MOST_LINES_BEFORE + 1]]
    for number, line in enumerate(lines[:-1]):
        cells = [cell.strip() for cell in next(iter(_rows(line, separator)), [])]
        is_comment = line.startswith(COMMENTS) and (
            len(cells) != usual or _precedes_header(lines[number + 1 :], separator)
        )
        if line.strip() and not is_comment and not SEP.match(line) and not _is_title(cells, usual, line):
            return number
    return 0


def _precedes_header(lines: Sequence[str], separator: str) -> bool:
    """Return whether the next line evidently is a header: where the lines below it hold numbers, it has none."""
    following = [
        next(iter(_rows(line, separator)), []) for line in lines if line.strip() and not line.startswith(COMMENTS)
    ]
    first, *rest = following or [[]]
    columns = [[row[place].strip() for row in rest if len(row) == len(first)] for place in range(len(first))]
    are_numbers = [bool(column) and all(map(is_number, column)) for column in columns]
    return any(numbers and not is_number(cell.strip()) for cell, numbers in zip(first, are_numbers, strict=True))


def _is_title(cells: Sequence[str], usual: int, line: str) -> bool:
    """Return whether a line has one value where rows have several; a table program adds separators after it."""
    if line.count('"') % 2:  # a value with line breaks
        return False
    return usual > 1 and (len(cells) == 1 or (len(cells) == usual > TWO and any(cells[:1]) and not any(cells[1:])))


def _separator(text: str) -> str:
    if declared := SEP.match(text):
        return declared[1]
    return max(SEPARATORS, key=lambda mark: _fit(_rows(text, mark)))


def _encoding(path: Path, start: bytes) -> str:
    for mark, name in MARKS:
        if start.startswith(mark):
            return name
    if b"\0" in start:
        # Of letters in UTF-16 without a byte order mark, one of two bytes is 0.
        zeros = np.frombuffer(start, np.uint8) == 0
        for place, name in ((1, "utf-16-le"), (0, "utf-16-be")):
            if zeros[place::2].mean() > MOSTLY and not zeros[1 - place :: 2].any():
                return name
        line = start[: start.index(b"\0")].count(b"\n") + 1
        raise DataError(
            f"{path}: line {line} holds a NUL byte: the file is damaged, or not a table; expected text (.csv, .tsv), "
            "plain or compressed (.gz, .zip), or Parquet"
        )
    try:
        codecs.getincrementaldecoder("utf-8")().decode(start)
    except UnicodeDecodeError:
        # Letters with accents stand alone; those of other scripts follow each other.
        damaged = start.decode("utf-8", "replace").count("\ufffd")
        if (letters := sum(byte >= LEAST_FIRST_BYTE for byte in start)) >= MUCH_MORE * damaged and letters:
            line = start[: _first_bad(start)].count(b"\n") + 1
            raise DataError(f"{path}: line {line}: not UTF-8, as the rest of the file is; correct the line") from None
        high = np.frombuffer(start, np.uint8) >= 0x80
        if (high[1:] & high[:-1]).sum() < high.sum() / 2:
            return WESTERN
        best = charset_normalizer.from_bytes(start, cp_isolation=OTHERS).best()
        return best.encoding if best else WESTERN
    return "utf-8"


def _first_bad(content: bytes) -> int:
    try:
        content.decode("utf-8")
    except UnicodeDecodeError as error:
        return error.start
    return 0


def _rows(text: str, separator: str) -> list[list[str]]:
    rows = []
    try:
        for row in csv.reader(io.StringIO(text, newline=""), delimiter=separator):
            if row:
                rows.append(row)
            if len(rows) == ROWS:
                break
    except csv.Error:  # a value longer than Python reads
        pass
    return rows


def _fit(rows: Sequence[Sequence[str]]) -> tuple[float, int]:
    """Return the share of the rows with the usual number of values, and that number; no share for one value a row."""
    if not rows:
        return 0.0, 0
    width, count = Counter(map(len, rows)).most_common(1)[0]
    return (count / len(rows) if width > 1 and len(rows[0]) == width else 0.0), width


def _decimal(columns: Sequence[Sequence[str]], separator: str) -> str:
    values = pa.array([value for column in columns for value in column], pa.string())

    def count(pattern: str) -> int:
        return pc.sum(pc.match_substring_regex(values, pattern)).as_py() or 0

    comma, point = ",", r"\."
    commas = count(DECIMAL % (point, comma, comma, comma)) + count(GROUPED % point)
    points = count(DECIMAL % (comma, point, point, point)) + count(GROUPED % comma)
    # 8,367 may be either. Where the separator is a semicolon, commas are decimal; grouped numbers are of any size.
    present = [[value for value in column if value] for column in columns]
    are_decimals = any(column and all(re.match(MAY_BE_COMMA, value) for value in column) for column in present)
    may_be_commas = separator == ";" and commas == points == 0 and are_decimals
    return "," if commas > points or (may_be_commas and not count(HAS_POINT)) else "."


def _has_header(first: Sequence[str], columns: Sequence[Sequence[str]], form: FileFormat) -> bool:
    """Return whether the first row differs from the others in kind.

    It is one of them if it has numbers wherever they have, and values that occur again wherever values are repeated.
    """
    if not columns or not columns[0] or len(first) != len(columns):
        return True
    alike = []
    for cell, column in zip(first, columns, strict=True):
        numbers, _ = numbers_of(pa.array([cell, *column], pa.string()), form)
        present = [value for value in column if value]
        if not present or not cell:
            continue
        if len(numbers) - 1 - numbers[1:].null_count >= 0.9 * len(present):
            alike.append(numbers[0].is_valid)
        elif len(set(present)) <= len(present) / 2:
            alike.append(cell in present)
    if not alike or not all(alike):
        return True
    whole = [int(cell) for cell in first if cell.isdigit()]
    return len(whole) > 1 and all(
        after - before == 1 for before, after in pairwise(whole)
    )  # 2013, 2014: names of years
