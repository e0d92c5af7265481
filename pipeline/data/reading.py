"""Read CSV files into Arrow tables, naming file and column where something is wrong."""

import io
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.csv as csv

from pipeline.config import no_such
from pipeline.data.errors import DataError

TEXT, NUMBER = pa.string(), pa.float64()
BLOCK = 8 * 1024 * 1024
"""Bytes read at a time where a file is streamed."""


def header(path: Path) -> list[str]:
    """Return the column names of a CSV file.

    Raises:
        DataError: It cannot be read as a CSV file with commas, in UTF-8.
    """
    with _named(path), _opened(path) as stream:
        first = io.TextIOWrapper(stream, encoding="utf-8-sig", newline="").readline()
        if not first.strip():
            raise DataError(f"{path}: the file is empty; expected a header line and rows")
        names: list[str] = csv.read_csv(io.BytesIO(first.encode())).column_names
    other = next((mark for mark in ";\t|" if mark in first), None)
    if len(names) == 1 and other:
        raise DataError(
            f"{path}: one column, {names[0]!r}: its values seem to be separated by {other!r}, expected commas"
        )
    return names


def read(path: Path, columns: Sequence[str], numbers: Iterable[str], missing: Sequence[str]) -> pa.Table:
    """Read the named columns, as text but for `numbers`.

    Args:
        path: CSV, plain, .gz or .zip (with one member).
        columns: What to read.
        numbers: Those among them to read as float64.
        missing: Texts that mean null.

    Raises:
        DataError: No such column; a value that is no number; a file that is no CSV.
    """
    known = header(path)
    with _named(path, known), _opened(path) as stream:
        table = csv.read_csv(stream, convert_options=_options(path, known, columns, numbers, missing))
    if table.num_rows == 0:
        raise DataError(f"{path}: no rows; expected some under the header")
    return table


def batches(path: Path, columns: Sequence[str], numbers: Iterable[str], missing: Sequence[str]) -> Iterator[pa.Table]:
    """Read like `read`, some ten thousand rows at a time: memory does not grow with the file."""
    known = header(path)
    with _named(path, known), _opened(path) as stream:
        options = _options(path, known, columns, numbers, missing)
        reader = csv.open_csv(stream, read_options=csv.ReadOptions(block_size=BLOCK), convert_options=options)
        for batch in reader:
            yield pa.Table.from_batches([batch])


def _options(
    path: Path, known: Sequence[str], columns: Sequence[str], numbers: Iterable[str], missing: Sequence[str]
) -> csv.ConvertOptions:
    absent = [name for name in columns if name not in known]
    if absent:
        raise DataError(f"{path}: no column {no_such(absent, known)}")
    numeric = set(numbers)
    return csv.ConvertOptions(
        include_columns=list(columns),
        column_types={name: NUMBER if name in numeric else TEXT for name in columns},
        null_values=list(missing),
        strings_can_be_null=True,
    )


@contextmanager
def _named(path: Path, known: Sequence[str] = ()) -> Iterator[None]:
    # What Arrow and the decompressors raise for a damaged file; people need to know which file and which column.
    try:
        yield
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: not UTF-8 (byte {error.start}: {error.reason}); save it as UTF-8") from error
    except (pa.ArrowInvalid, OSError, EOFError) as error:
        raise DataError(f"{path}: {_readable(error, known)}") from error


def _readable(error: Exception, known: Sequence[str]) -> str:
    # Arrow counts columns from 0 ("In CSV column #3: ..."); people know them by name.
    text = str(error).partition("\n")[0]
    number, colon, reason = text.removeprefix("In CSV column #").partition(":")
    if not (colon and number.isdigit() and int(number) < len(known)):
        return text
    if "UTF8" in reason:
        return f"column {known[int(number)]!r}: not UTF-8; save the file as UTF-8"
    remedy = "Correct the value, list it in data.missing or move the column to data.categorical."
    return f"column {known[int(number)]!r}:{reason}. {remedy}"


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    if not path.is_file():
        raise DataError(f"{path}: no such file; `python -m pipeline.fetch` brings the raw files")
    if path.suffix != ".zip":
        with pa.input_stream(str(path), compression="detect") as stream:
            yield stream
        return
    try:
        with zipfile.ZipFile(path) as archive, archive.open(_only_member(path, archive)) as member:
            yield member
    except zipfile.BadZipFile as error:
        raise DataError(f"{path}: damaged: {error}") from error


def _only_member(path: Path, archive: zipfile.ZipFile) -> str:
    members = [name for name in archive.namelist() if not name.endswith("/")]
    if len(members) != 1:
        raise DataError(f"{path}: expected one file in the archive, received {len(members)}: {', '.join(members[:5])}")
    return members[0]
