"""Read CSV and Parquet files as Arrow tables; errors name the file, the line and the column."""

import codecs
import csv as python_csv
import io
import os
import re
import unicodedata
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as csv
import pyarrow.parquet as pq

from pipeline.config import no_such
from pipeline.data.errors import DataError
from pipeline.data.file_format import FileFormat, numbers_of
from pipeline.data.opening import is_parquet, opened, require
from pipeline.data.spelling import TEXT, absent_numbers, as_numbers, as_texts

NUMBER = pa.float64()
BLOCK = 8 * 1024 * 1024
"""Bytes read at a time; a row may not be longer."""
LONGEST = 1024 * 1024
"""Number of bytes that are searched for a closing quote."""
PARSERS = min(os.cpu_count() or 1, 8)
"""Number of blocks parsed at once."""
BYTE_ORDER_MARK = codecs.BOM_UTF8
ROWS = 65_536
"""Number of rows read at a time from a Parquet file."""
SEPARATORS = ",;\t|"
"""Usual separators; any other single character can be set."""


def header(path: Path, form: FileFormat) -> list[str]:
    """Return the column names of a file, without blanks at their ends; a column without a name is called column_N.

    Raises:
        DataError: It is neither a Parquet file nor a CSV file of this format, or two columns have the same name.
    """
    if is_parquet(path):
        with _parquet(path) as file:
            return _distinct(path, "", [column_name(name) for name in file.schema_arrow.names])
    with _named(path, form), opened(path, form) as stream:
        records = _records(io.BufferedReader(stream), form.skip_lines)
        (line, record), (_, following) = next(records, (1, b"")), next(records, (2, b""))
        first = record.decode("utf-8-sig" if line == 1 else "utf-8")
        if not first.strip():
            raise DataError(f"{path}: the file is empty; expected {'a header line and ' if form.header else ''}rows")
        values = next(_csv(first, form))
        row = next(_csv(following.decode(), form), [])
        if form.header and len(row) == len(values) + 1 and not row[-1].strip():  # a separator at the end of each row
            values.append("")
    other = next((mark for mark in SEPARATORS if mark in first and mark != form.separator), None)
    if len(values) == 1 and other:
        raise DataError(
            f"{path}: one column, {values[0]!r}: its values seem to be separated by {other!r}, expected "
            f"{form.separator!r}; set data.separator"
        )
    names = [
        (column_name(name) if form.header else "") or f"column_{number}" for number, name in enumerate(values, start=1)
    ]
    return _distinct(path, f"line {line}: ", names)


def column_name(text: str) -> str:
    """Return the name by which a column is known: without blanks at its ends, in Unicode's composed form."""
    return unicodedata.normalize("NFC", text.strip())


def _distinct(path: Path, place: str, names: list[str]) -> list[str]:
    if duplicates := sorted({name for name in names if names.count(name) > 1}):
        raise DataError(
            f"{path}: {place}{', '.join(map(repr, duplicates))}: several columns have the same name; rename them"
        )
    return names


def batches(
    path: Path, columns: Sequence[str], numbers: Iterable[str], form: FileFormat, plain: Sequence[str] = ()
) -> Iterator[pa.Table]:
    """Read the named columns one batch at a time, so that memory does not grow with the file.

    Each value has one spelling; see `pipeline.data.spelling`.

    Args:
        path: A Parquet file (`.parquet`), or a CSV file: plain, .gz or .zip (with one member).
        columns: Names of the columns to read.
        numbers: Columns among them to read as float64; the others are read as dictionaries of text.
        form: How the file is written.
        plain: Columns to read as plain text, such as ids, which a dictionary would only make larger.

    Raises:
        DataError: A column does not exist, a value is not a number, or the file is corrupt or has no rows.
    """
    known = _with(path, columns, form)
    types = dict.fromkeys(columns, TEXT) | dict.fromkeys(numbers, NUMBER) | dict.fromkeys(plain, pa.string())
    rows = 0
    for batch in (_from_parquet if is_parquet(path) else _from_csv)(path, known, types, form):
        rows += batch.num_rows
        yield batch
    if rows == 0:
        raise DataError(f"{path}: no rows; expected some below the header")


def read(path: Path, columns: Sequence[str], numbers: Iterable[str], form: FileFormat) -> pa.Table:
    """Read the named columns of a whole file; see `batches` for the arguments."""
    return pa.concat_tables(batches(path, columns, numbers, form)).unify_dictionaries().combine_chunks()


def sample(path: Path, form: FileFormat, cells: int | None = None) -> tuple[pa.Table, bool]:
    """Read the first rows of a file as text.

    Args:
        path: A file as in `batches`.
        form: How the file is written.
        cells: Number of values to read, approximately: one block of rows at least; None for all.

    Returns:
        The rows, with dictionaries of text as columns, and whether the file has more of them.
    """
    names = header(path, form)
    blocks: list[pa.Table] = []
    rows, has_more = 0, False
    for block in batches(path, names, [], form):
        has_more = cells is not None and rows > 0 and rows * len(names) >= cells
        if has_more:
            break
        blocks.append(block)
        rows += block.num_rows
    return pa.concat_tables(blocks).unify_dictionaries().combine_chunks(), has_more


def is_number(text: str) -> bool:
    """Return whether a text is read as a number; Python's 1_000 is not."""
    try:
        float(text)
    except ValueError:
        return False
    return "_" not in text


def _from_csv(path: Path, known: Sequence[str], types: dict[str, pa.DataType], form: FileFormat) -> Iterator[pa.Table]:
    # Arrow's own streaming reader converts one block after another; several at once take half the time on two cores.
    parser = _Parser(known, types, form)
    with (
        _named(path, form, known, types),
        opened(path, form) as stream,
        ThreadPoolExecutor(PARSERS) as pool,
    ):
        pending: deque[Future[pa.Table]] = deque()
        for block in _blocks(stream, form):
            pending.append(pool.submit(parser, block))
            if len(pending) > PARSERS:
                yield pending.popleft().result()
        while pending:
            yield pending.popleft().result()


class _Parser:
    """Parses blocks of whole lines; numbers that Arrow does not read, such as `1,234`, are converted from text."""

    def __init__(self, known: Sequence[str], types: dict[str, pa.DataType], form: FileFormat) -> None:
        self._known, self._types, self._form = list(known), types, form
        self._absent = len(absent_numbers(form)) > 0
        self._texts: set[str] = set()
        """Columns of numbers that have to be read as text."""

    def __call__(self, block: bytes) -> pa.Table:
        reading = csv.ReadOptions(column_names=self._known, block_size=len(block) + 1, use_threads=False)
        parsing = csv.ParseOptions(delimiter=self._form.separator, newlines_in_values=b'"' in block)
        while True:
            types = self._types | dict.fromkeys(self._texts, TEXT)
            converting = csv.ConvertOptions(
                include_columns=list(types),
                column_types=types,
                null_values=list(self._form.missing),
                strings_can_be_null=True,
                decimal_point=self._form.decimal,
            )
            try:
                table = csv.read_csv(
                    pa.BufferReader(block), read_options=reading, parse_options=parsing, convert_options=converting
                )
                return pa.table({name: self._finished(name, table[name], types[name]) for name in self._types})
            except pa.ArrowInvalid as error:
                place = _faulty_column(error)
                name = "" if place is None else self._known[place]
                if types.get(name) != NUMBER:
                    raise
                self._texts.add(name)

    def _finished(self, name: str, column: pa.ChunkedArray, kind: pa.DataType) -> pa.ChunkedArray:
        if kind == NUMBER and not self._absent:
            return column
        if self._types[name] == NUMBER:
            place = f"In CSV column #{self._known.index(name)}: "
            return pa.chunked_array([_converted(chunk, self._form, place) for chunk in column.chunks], NUMBER)
        if kind == TEXT:
            return pa.chunked_array([as_texts(chunk, self._form) for chunk in column.chunks], TEXT)
        return _trimmed(column, self._form)


def _converted(values: pa.Array, form: FileFormat, place: str = "") -> pa.Array:
    numbers, unreadable = as_numbers(values, form)
    if pc.any(unreadable).as_py():
        raise pa.ArrowInvalid(f"{place}{values.filter(unreadable)[0].as_py()!r} is not a number. {REMEDY}")
    return numbers


def _trimmed(texts: pa.ChunkedArray, form: FileFormat) -> pa.ChunkedArray:
    trimmed = pc.utf8_trim_whitespace(texts)
    return pc.if_else(pc.is_in(trimmed, value_set=pa.array(form.missing, pa.string())), None, trimmed)


def _blocks(stream: Any, form: FileFormat) -> Iterator[bytes]:
    """Divide a file into blocks of whole lines, without the header."""
    lines, carried = io.BufferedReader(stream), b""
    # A value that begins with a quote, which nothing closes.
    unclosed = re.compile(rb"(?:^|" + re.escape(form.separator).encode() + rb')"(?:[^"]|"")*\Z', re.MULTILINE)
    for _ in range(form.skip_lines):
        lines.readline()
    if form.header:
        next(_records(lines), None)
    elif not form.skip_lines:
        carried = lines.read(len(BYTE_ORDER_MARK)).removeprefix(BYTE_ORDER_MARK)
    while block := carried + lines.read(BLOCK):
        rest = [lines.readline(BLOCK)]
        if len(rest[0]) == BLOCK:
            raise pa.ArrowInvalid(f"a row is longer than {BLOCK // 2**20} MB; is a quote not closed?")
        # A quoted value may contain line breaks: if a quote is open, the block ends where it closes.
        quotes, length = block.count(b'"') + rest[0].count(b'"'), 0
        while quotes % 2 and length < LONGEST and (line := lines.readline(LONGEST)):
            rest.append(line)
            quotes, length = quotes + line.count(b'"'), length + len(line)
        kept = 1 if quotes % 2 else len(rest)  # not closed nearby: an ordinary character, or an error
        carried = b"".join(rest[kept:])
        whole = block + b"".join(rest[:kept])
        if quotes % 2 and not carried and unclosed.search(whole):  # Arrow would take the rest of the file as one value
            raise pa.ArrowInvalid("a quote is opened and not closed")
        yield whole


def _with(path: Path, columns: Sequence[str], form: FileFormat) -> list[str]:
    """Return all columns of a file, which must include the given ones."""
    known = header(path, form)
    absent = [name for name in columns if name not in known]
    if absent:
        raise DataError(f"{path}: no column {no_such(absent, known)}")
    return known


def _from_parquet(
    path: Path, known: Sequence[str], types: dict[str, pa.DataType], form: FileFormat
) -> Iterator[pa.Table]:
    with _parquet(path) as file:
        written = dict(zip(known, file.schema_arrow.names, strict=True))
        for batch in file.iter_batches(batch_size=ROWS, columns=[written[name] for name in types]):
            columns = {name: _as(path, name, batch.column(written[name]), kind, form) for name, kind in types.items()}
            yield pa.table(columns)


def _as(path: Path, name: str, column: pa.Array, kind: pa.DataType, form: FileFormat) -> pa.Array:
    # The same text as in a CSV file: a column may be text in one file and a number in another.
    try:
        return _converted(column, form) if kind == NUMBER else as_texts(column, form).cast(kind)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        raise DataError(f"{path}: column {name!r}: {error}") from error


REMEDY = (
    "Correct the value; or, before training, list it in data.missing_numbers or move the column to data.categorical."
)


@contextmanager
def _named(
    path: Path, form: FileFormat, known: Sequence[str] = (), types: dict[str, pa.DataType] | None = None
) -> Iterator[None]:
    # Arrow and the decompressors do not say which line and which column of a corrupt file is at fault.
    try:
        yield
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: line 1: {_not_encoded(form)} (byte {error.start}: {error.reason})") from error
    except (pa.ArrowInvalid, OSError, EOFError) as error:
        try:
            fault = _first_fault(path, known, types or {}, form)
        except (OSError, EOFError, UnicodeDecodeError, DataError, python_csv.Error):
            fault = None
        raise DataError(f"{path}: {fault or _readable(error, known)}") from error


def _not_encoded(form: FileFormat) -> str:
    return f"not {form.encoding.upper()}; name the encoding of the file in data.encoding, or save the file as UTF-8"


def _csv(text: str, form: FileFormat) -> Iterator[list[str]]:
    return iter(python_csv.reader(io.StringIO(text, newline=""), delimiter=form.separator))


def _first_fault(path: Path, known: Sequence[str], types: dict[str, pa.DataType], form: FileFormat) -> str | None:
    """Read the file again, slowly, to find the faulty line, because Arrow does not count the lines of its blocks."""
    with opened(path, form) as stream:
        for line, raw in _records(io.BufferedReader(stream), form.skip_lines):
            try:
                text = raw.decode("utf-8-sig")
            except UnicodeDecodeError as error:
                return f"line {line}: {_not_encoded(form)} (byte {error.start} of the line)"
            if not text.strip("\r\n") or (line == form.skip_lines + 1 and form.header):
                continue
            if text.count('"') % 2:
                return f"line {line}: a quote is opened and not closed: {text.strip()[:80]}"
            values = next(_csv(text, form))
            if len(values) != len(known):
                return f"line {line}: {len(values)} values, expected {len(known)}: {text.strip()[:80]}"
            for name, value in zip(known, values, strict=True):
                if types.get(name) == NUMBER and numbers_of(pa.array([value]), form)[1][0].as_py():
                    return f"line {line}: column {name!r}: {value[:80]!r} is not a number. {REMEDY}"
    return None


def _records(lines: io.BufferedReader, skipped: int = 0) -> Iterator[tuple[int, bytes]]:
    """Yield each row with the number of its first line; a quoted value may contain line breaks."""
    for _ in range(skipped):
        lines.readline()
    first, record = skipped + 1, b""
    for number, line in enumerate(lines, start=first):
        record += line
        if record.count(b'"') % 2 == 0 or len(record) > LONGEST:
            yield first, record
            first, record = number + 1, b""
    if record:
        yield first, record


def _readable(error: Exception, known: Sequence[str]) -> str:
    # Arrow counts columns from 0 ("In CSV column #3: ..."); users know them by name.
    text, place = str(error).partition("\n")[0], _faulty_column(error)
    if place is None or place >= len(known):
        return text
    return f"column {known[place]!r}:{text.partition(':')[2]}"


def _faulty_column(error: Exception) -> int | None:
    number, colon, _ = str(error).removeprefix("In CSV column #").partition(":")
    return int(number) if colon and number.isdigit() else None


@contextmanager
def _parquet(path: Path) -> Iterator[pq.ParquetFile]:
    require(path)
    try:
        with pq.ParquetFile(path) as file:
            yield file
    except (pa.ArrowInvalid, OSError) as error:
        raise DataError(f"{path}: not a readable Parquet file: {error}") from error
