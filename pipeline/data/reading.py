"""Read CSV and Parquet files as Arrow tables; errors name the file, the line and the column."""

import csv as python_csv
import io
import os
import zipfile
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.csv as csv
import pyarrow.parquet as pq

from pipeline.config import no_such
from pipeline.data.errors import DataError

TEXT, NUMBER = pa.dictionary(pa.int32(), pa.string()), pa.float64()
"""Text is read as codes into the distinct values of its batch, so that work on text is done once per value."""
BLOCK = 8 * 1024 * 1024
"""Bytes read at a time, and size of a sample; a row may not be longer."""
LONGEST = 1024 * 1024
"""Number of bytes that are searched for a closing quote."""
PARSERS = min(os.cpu_count() or 1, 8)
"""Number of blocks parsed at once."""
ROWS = 65_536
"""Number of rows read at a time from a Parquet file."""
SEPARATORS = ";\t|"


def header(path: Path) -> list[str]:
    """Return the column names of a file.

    Raises:
        DataError: It is neither a Parquet file nor a comma-separated CSV file in UTF-8, or two columns have the same
            name.
    """
    if _is_parquet(path):
        with _parquet(path) as file:
            return list(file.schema_arrow.names)
    with _named(path), _opened(path) as stream:
        first = io.BufferedReader(stream).readline().decode("utf-8-sig")
        if not first.strip():
            raise DataError(f"{path}: the file is empty; expected a header line and rows")
        names: list[str] = next(python_csv.reader([first]))
    separator = next((mark for mark in SEPARATORS if mark in first), None)
    if len(names) == 1 and separator:
        raise DataError(
            f"{path}: one column, {names[0]!r}: its values seem to be separated by {separator!r}, expected commas"
        )
    duplicates = sorted({name for name in names if names.count(name) > 1})
    if duplicates:
        raise DataError(
            f"{path}: line 1: {', '.join(map(repr, duplicates))}: several columns have the same name; rename them"
        )
    return names


def batches(
    path: Path, columns: Sequence[str], numbers: Iterable[str], missing: Sequence[str], plain: Sequence[str] = ()
) -> Iterator[pa.Table]:
    """Read the named columns one batch at a time, so that memory does not grow with the file.

    Args:
        path: A Parquet file (`.parquet`), or a CSV file: plain, .gz or .zip (with one member).
        columns: Names of the columns to read.
        numbers: Columns among them to read as float64; the others are read as dictionaries of text.
        missing: Texts that mean null.
        plain: Columns to read as plain text, such as ids, which a dictionary would only make larger.

    Raises:
        DataError: A column does not exist, a value is not a number, or the file is corrupt or has no rows.
    """
    known = _with(path, columns)
    types = dict.fromkeys(columns, TEXT) | dict.fromkeys(numbers, NUMBER) | dict.fromkeys(plain, pa.string())
    rows = 0
    for batch in (_from_parquet if _is_parquet(path) else _from_csv)(path, known, types, missing):
        rows += batch.num_rows
        yield batch
    if rows == 0:
        raise DataError(f"{path}: no rows; expected some below the header")


def read(path: Path, columns: Sequence[str], numbers: Iterable[str], missing: Sequence[str]) -> pa.Table:
    """Read the named columns of a whole file; see `batches` for the arguments."""
    return pa.concat_tables(batches(path, columns, numbers, missing)).unify_dictionaries().combine_chunks()


def sample(path: Path, missing: Sequence[str]) -> pa.Table:
    """Read the first block of a file, with every column as text."""
    return _as_text(next(batches(path, header(path), [], missing)))


def first_rows(path: Path, missing: Sequence[str], *, whole: bool = False) -> tuple[pa.Table, bool]:
    """Read the first block of a file, or the whole file, as text; also return whether there are more rows."""
    names = header(path)
    blocks = batches(path, names, [], missing)
    first = read(path, names, [], missing) if whole else next(blocks)
    has_more = not whole and next(blocks, None) is not None
    return _as_text(first), has_more


def _as_text(rows: pa.Table) -> pa.Table:
    return rows.cast(pa.schema([(name, pa.string()) for name in rows.column_names]))


def is_number(text: str) -> bool:
    """Return whether a text is read as a number; Python's 1_000 is not."""
    try:
        float(text)
    except ValueError:
        return False
    return "_" not in text


def _from_csv(
    path: Path, known: Sequence[str], types: dict[str, pa.DataType], missing: Sequence[str]
) -> Iterator[pa.Table]:
    # Arrow's own streaming reader converts one block after another; several at once take half the time on two cores.
    options = csv.ConvertOptions(
        include_columns=list(types), column_types=types, null_values=list(missing), strings_can_be_null=True
    )
    with (
        _named(path, known, types, missing),
        _opened(path) as stream,
        ThreadPoolExecutor(PARSERS) as pool,
    ):
        pending: deque[Future[pa.Table]] = deque()
        for block in _blocks(stream):
            pending.append(pool.submit(_parsed, block, known, options))
            if len(pending) > PARSERS:
                yield pending.popleft().result()
        while pending:
            yield pending.popleft().result()


def _blocks(stream: Any) -> Iterator[bytes]:
    """Divide a file into blocks of whole lines, without the header."""
    lines, carried = io.BufferedReader(stream), b""
    lines.readline()
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
        yield block + b"".join(rest[:kept])


def _parsed(block: bytes, known: Sequence[str], options: csv.ConvertOptions) -> pa.Table:
    reading = csv.ReadOptions(column_names=list(known), block_size=len(block) + 1, use_threads=False)
    parsing = csv.ParseOptions(newlines_in_values=b'"' in block)
    return csv.read_csv(pa.BufferReader(block), read_options=reading, parse_options=parsing, convert_options=options)


def _with(path: Path, columns: Sequence[str]) -> list[str]:
    """Return all columns of a file, which must include the given ones."""
    known = header(path)
    absent = [name for name in columns if name not in known]
    if absent:
        raise DataError(f"{path}: no column {no_such(absent, known)}")
    return known


def _from_parquet(
    path: Path, known: Sequence[str], types: dict[str, pa.DataType], missing: Sequence[str]
) -> Iterator[pa.Table]:
    with _parquet(path) as file:
        for batch in file.iter_batches(batch_size=ROWS, columns=list(types)):
            columns = {name: _as(path, name, batch.column(name), kind, missing) for name, kind in types.items()}
            yield pa.table(columns)


def _as(path: Path, name: str, column: pa.Array, kind: pa.DataType, missing: Sequence[str]) -> pa.Array:
    # The same text as in a CSV file: a column may be text in one file and a number in another.
    try:
        if kind == NUMBER and pa.types.is_primitive(column.type):
            return column.cast(NUMBER)
        text = column.cast(pa.string())
        known = pa.array([None if value in missing else value for value in text.unique().to_pylist()], pa.string())
        text = known.take(pa.compute.index_in(text, value_set=text.unique()))
        return text.dictionary_encode() if kind == TEXT else text.cast(kind)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        raise DataError(f"{path}: column {name!r}: {error}. {REMEDY}") from error


REMEDY = "Correct the value, list it in data.missing or move the column to data.categorical."


@contextmanager
def _named(
    path: Path,
    known: Sequence[str] = (),
    types: dict[str, pa.DataType] | None = None,
    missing: Sequence[str] = (),
) -> Iterator[None]:
    # Arrow and the decompressors do not say which line and which column of a corrupt file is at fault.
    try:
        yield
    except UnicodeDecodeError as error:
        raise DataError(
            f"{path}: line 1: not UTF-8 (byte {error.start}: {error.reason}); save the file as UTF-8"
        ) from error
    except (pa.ArrowInvalid, OSError, EOFError) as error:
        try:
            fault = _first_fault(path, known, types or {}, missing)
        except (OSError, EOFError, UnicodeDecodeError, DataError, python_csv.Error):
            fault = None
        raise DataError(f"{path}: {fault or _readable(error, known)}") from error


def _first_fault(path: Path, known: Sequence[str], types: dict[str, pa.DataType], missing: Sequence[str]) -> str | None:
    """Read the file again, slowly, to find the faulty line, because Arrow does not count the lines of its blocks."""
    with _opened(path) as stream:
        for line, raw in _records(io.BufferedReader(stream)):
            try:
                text = raw.decode("utf-8-sig")
            except UnicodeDecodeError as error:
                return f"line {line}: not UTF-8 (byte {error.start} of the line); save the file as UTF-8"
            values = next(python_csv.reader([text]), [])
            if not values or line == 1:
                continue
            if text.count('"') % 2:
                return f"line {line}: a quote is opened and not closed: {text.strip()[:80]}"
            values = next(python_csv.reader(io.StringIO(text, newline="")))
            if len(values) != len(known):
                return f"line {line}: {len(values)} values, expected {len(known)}: {text.strip()[:80]}"
            for name, value in zip(known, values, strict=True):
                if types.get(name) == NUMBER and value not in missing and not is_number(value):
                    return f"line {line}: column {name!r}: {value[:80]!r} is not a number. {REMEDY}"
    return None


def _records(lines: io.BufferedReader) -> Iterator[tuple[int, bytes]]:
    """Yield each row with the number of its first line; a quoted value may contain line breaks."""
    first, record = 1, b""
    for number, line in enumerate(lines, start=1):
        record += line
        if record.count(b'"') % 2 == 0 or len(record) > LONGEST:
            yield first, record
            first, record = number + 1, b""
    if record:
        yield first, record


def _readable(error: Exception, known: Sequence[str]) -> str:
    # Arrow counts columns from 0 ("In CSV column #3: ..."); users know them by name.
    text = str(error).partition("\n")[0]
    number, colon, reason = text.removeprefix("In CSV column #").partition(":")
    if not (colon and number.isdigit() and int(number) < len(known)):
        return text
    return f"column {known[int(number)]!r}:{reason}. {REMEDY}"


def _is_parquet(path: Path) -> bool:
    return path.suffix.lower() in (".parquet", ".pq")


@contextmanager
def _parquet(path: Path) -> Iterator[pq.ParquetFile]:
    _require(path)
    try:
        with pq.ParquetFile(path) as file:
            yield file
    except (pa.ArrowInvalid, OSError) as error:
        raise DataError(f"{path}: not a readable Parquet file: {error}") from error


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    _require(path)
    if path.suffix.lower() != ".zip":
        with pa.input_stream(str(path), compression="gzip" if path.suffix.lower() == ".gz" else None) as stream:
            yield stream
        return
    try:
        with zipfile.ZipFile(path) as archive, archive.open(_only_member(path, archive)) as member:
            yield member
    except zipfile.BadZipFile as error:
        raise DataError(f"{path}: corrupt: {error}") from error


def _require(path: Path) -> None:
    if not path.is_file():
        raise DataError(f"{path}: no such file; run `python -m pipeline.fetch` to fetch the raw files")


def _only_member(path: Path, archive: zipfile.ZipFile) -> str:
    members = [name for name in archive.namelist() if not name.endswith("/")]
    if len(members) != 1:
        raise DataError(f"{path}: expected one file in the archive, received {len(members)}: {', '.join(members[:5])}")
    return members[0]
