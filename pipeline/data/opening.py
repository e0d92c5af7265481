"""Open files of rows as streams of bytes: what they are is found by their first bytes, not by their names."""

import codecs
import csv
import io
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa

from pipeline.data.cells import float_text
from pipeline.data.errors import DataError
from pipeline.data.file_format import FileFormat

PARQUET, GZIP, ZIP = b"PAR1", b"\x1f\x8b", b"PK\x03\x04"
"""First bytes of files of each kind."""
SUFFIXES = (".parquet", ".parq", ".pq")
MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
"""Byte order marks, and the encodings that they begin."""
WORKBOOK = "xl/workbook.xml"
"""A file in every Excel workbook, which is a ZIP archive."""
LOOKED_AT = 64 * 1024
"""Bytes from which the line ends of a file are known."""
PLAIN = FileFormat()
SHOWN = 5
"""Maximum number of files to name."""


def require(path: Path) -> None:
    """Refuse a file that does not exist.

    Raises:
        DataError: There is no such file.
    """
    if path.is_dir():
        raise DataError(f"{path}: a folder; expected one file. Parquet files of one table can be joined into one")
    if not path.is_file():
        raise DataError(f"{path}: no such file; run `python -m pipeline.fetch` to fetch the raw files")


def is_parquet(path: Path) -> bool:
    """Return whether a file is a Parquet file by its content; a damaged one also has the name of one."""
    if not _starts_with(path, PARQUET):
        return not path.is_file() and path.suffix.lower() in SUFFIXES
    with path.open("rb") as stream:
        stream.seek(-min(len(PARQUET), path.stat().st_size), 2)
        return stream.read() == PARQUET or path.suffix.lower() in SUFFIXES


@contextmanager
def opened(path: Path, form: FileFormat) -> Iterator[Any]:
    """Open a file as a stream of its unpacked bytes, in UTF-8, with lines that end in a line feed.

    Args:
        path: A text file, plain or compressed with gzip; a ZIP archive of one; or an Excel workbook of one sheet, which
            is read as CSV.
        form: How the file is written. A file that begins with a byte order mark, or is evidently UTF-8, has that
            encoding; a workbook is read with this separator and decimal mark.

    Raises:
        DataError: There is no such file, or it is corrupt.
    """
    with unpacked(path, form) as raw:
        start = raw.read(LOOKED_AT)
        text: Any = _Resumed(start, raw)
        if (found := _encoding(start, form.encoding)) != "utf-8":
            text = pa.transcoding_input_stream(pa.PythonFile(text, mode="r"), found, "utf-8")
        start = text.read(LOOKED_AT)
        header = start.partition(b"\n")[0].removesuffix(b"\r")
        yield _Resumed(start, text, returns_end_lines=b"\r" in header and header.count(b'"') == 0)


def _encoding(start: bytes, expected: str) -> str:
    """Return the encoding of a file by its first bytes, where they say more than what is expected."""
    marked = next((name for mark, name in MARKS if start.startswith(mark)), None)
    if marked is not None:
        return marked
    name = codecs.lookup(expected).name
    if name == "utf-8" or start.isascii():
        return name if name.startswith(("utf-16", "utf-32")) or name == "utf-8" else expected
    try:
        codecs.getincrementaldecoder("utf-8")().decode(start)
    except UnicodeDecodeError:
        return expected
    return "utf-8"  # hardly any text of other encodings is valid UTF-8


@contextmanager
def unpacked(path: Path, form: FileFormat = PLAIN) -> Iterator[Any]:
    """Open a file as a stream of its unpacked bytes; see `opened`."""
    require(path)
    if _starts_with(path, ZIP):
        with _unzipped(path, form) as member:
            yield member
        return
    compression = "gzip" if _starts_with(path, GZIP) else None
    with pa.input_stream(str(path), compression=compression) as stream:
        yield stream


class _Resumed(io.RawIOBase):
    """A stream whose first bytes were read already; carriage returns become line feeds where they end lines."""

    def __init__(self, start: bytes, rest: Any, *, returns_end_lines: bool = False) -> None:
        self._start, self._rest, self._converts = start, rest, returns_end_lines

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        content = self._start[: len(buffer)] or self._rest.read(len(buffer))
        self._start = self._start[len(content) :] if self._start else b""
        buffer[: len(content)] = content.replace(b"\r", b"\n") if self._converts else content
        return len(content)


def _starts_with(path: Path, mark: bytes) -> bool:
    try:
        with path.open("rb") as stream:
            return stream.read(len(mark)) == mark
    except OSError:
        return False


@contextmanager
def _unzipped(path: Path, form: FileFormat) -> Iterator[Any]:
    try:
        with zipfile.ZipFile(path) as archive:
            if WORKBOOK in archive.namelist():
                yield io.BytesIO(_sheet(path, form))
                return
            with archive.open(_only_member(path, archive)) as member:
                yield member
    except (zipfile.BadZipFile, RuntimeError, NotImplementedError) as error:  # a password, another compression
        raise DataError(f"{path}: cannot be unpacked: {error}") from error


def _only_member(path: Path, archive: zipfile.ZipFile) -> str:
    # A Mac adds files of its own.
    members = [
        name
        for name in archive.namelist()
        if not name.endswith("/") and not name.startswith("__MACOSX/") and not name.rpartition("/")[2].startswith(".")
    ]
    if len(members) != 1:
        names = f": {', '.join(members[:SHOWN])}{', …' if len(members) > SHOWN else ''}" if members else ""
        raise DataError(
            f"{path}: expected one file in the archive, received {len(members)}{names}; unpack it, and name the file "
            "to use"
        )
    return members[0]


def _sheet(path: Path, form: FileFormat) -> bytes:
    """Return the only sheet of a workbook as CSV, in UTF-8."""
    try:
        import openpyxl
    except ImportError:
        raise DataError(
            f"{path}: an Excel workbook; save its sheet as CSV, or install openpyxl (`pip install openpyxl`) to read it"
        ) from None
    try:
        book = openpyxl.load_workbook(path, read_only=True, data_only=True)
        names = book.sheetnames
        if len(names) > 1:
            raise DataError(f"{path}: {len(names)} sheets ({', '.join(names[:SHOWN])}); save the one to use as CSV")
        rows = [
            ["" if cell is None else cell for cell in row] for row in book.worksheets[0].iter_rows(values_only=True)
        ]
    except (KeyError, ValueError, OSError, IndexError, zipfile.BadZipFile) as error:
        raise DataError(f"{path}: cannot be read as an Excel workbook: {error}") from error
    stream = io.StringIO(newline="")
    written = ([float_text(cell, form.decimal) if isinstance(cell, float) else cell for cell in row] for row in rows)
    csv.writer(stream, delimiter=form.separator).writerows(row for row in written if any(cell != "" for cell in row))
    return stream.getvalue().encode()
