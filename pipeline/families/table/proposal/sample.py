"""Read the first rows of an unknown table, and guess what its columns are."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.data import sample
from pipeline.data.file_format import FileFormat
from pipeline.families.table.data.counting import MISSING, distinct
from pipeline.families.table.data.guessing import PLACEHOLDERS, Guess, guess
from pipeline.families.table.proposal.sniffing import sniff

CELLS = 30_000_000
"""Number of values that are read, about: 600,000 rows of 50 columns."""
MEASURED, BLOCKS = 60_000, 12
"""Number of rows that are measured, and number of parts of the file from which they come."""


@dataclass(frozen=True)
class TableSample:
    """The first rows of a file.

    Attributes:
        path: The file.
        form: How it is written.
        rows: Its first rows, or all of them: dictionaries of text.
        guesses: The guessed kind of each column.
        has_more: Whether the file has more rows.
    """

    path: Path
    form: FileFormat
    rows: pa.Table
    guesses: list[Guess]
    has_more: bool

    @cached_property
    def thinned(self) -> pa.Table:
        """Blocks of rows from all over the sample: neighbours may belong together."""
        if len(self.rows) <= MEASURED:
            return self.rows
        size = MEASURED // BLOCKS
        starts = np.linspace(0, len(self.rows) - size, BLOCKS).astype(int)
        blocks = pa.concat_tables([self.rows.slice(start, size) for start in starts])
        # With dictionaries of their own values only.
        columns = [column.cast(pa.string()).combine_chunks().dictionary_encode() for column in blocks.columns]
        return pa.table(columns, names=blocks.column_names)


def look(path: Path, read_all: bool, header: bool | None = None) -> TableSample:
    """Read the first rows of a file, or all of it.

    A text that stands for a missing value in a column of numbers or dates does so in all columns, unless the column has
    no other values than such texts. Other texts among numbers are missing in columns of numbers only.

    Args:
        path: The file.
        read_all: Whether to read all of it.
        header: Whether its first line names the columns; None to find out.

    Raises:
        DataError: It is not a table.
    """
    form = sniff(path)
    if header is not None:
        form = replace(form, header=header)
    rows, has_more = sample(path, form, None if read_all else CELLS)
    guesses = [guess(name, rows[name], form) for name in rows.column_names]
    strays = sorted({text for column in guesses for text in column.strays})
    guesses = [_without_ambiguous_strays(column, rows, guesses, form) for column in guesses]
    strays = sorted({text for column in guesses for text in column.strays})
    dates = {text for column in guesses if column.kind == "date" for text in column.strays}
    words = {text for text in strays if text.lower() in PLACEHOLDERS and not _is_code(text, rows, guesses)}
    missing = sorted(dates | words)
    form = replace(form, missing_numbers=[text for text in strays if text not in missing])
    return with_missing(TableSample(path, form, rows, guesses, has_more), missing)


def _without_ambiguous_strays(column: Guess, rows: pa.Table, guesses: list[Guess], form: FileFormat) -> Guess:
    """Return a guess other than a date where the texts that are no dates are values of other columns.

    What is listed as missing is missing in all columns of text.
    """
    unusual = [text for text in column.strays if text.lower() not in PLACEHOLDERS]
    if column.kind != "date" or not unusual:
        return column
    for other in guesses:
        values = rows[other.name].combine_chunks().dictionary
        if other.name != column.name and pc.any(pc.is_in(pa.array(unusual), value_set=values)).as_py():
            return guess(column.name, rows[column.name], form, may_be_date=False)
    return column


def _is_code(text: str, rows: pa.Table, guesses: list[Guess]) -> bool:
    """Return whether a column holds codes of two letters, and NA is one of them: Namibia, or North America."""
    columns = [column.name for column in guesses if text == "NA" and column.kind == "categorical"]
    return any(is_code_of_two_letters(rows[name].combine_chunks().dictionary.to_pylist()) for name in columns)


def is_code_of_two_letters(texts: Sequence[str | None]) -> bool:
    """Return whether NA is one of several codes of two letters, and not a missing value."""
    others = [text for text in texts if text not in ("NA", "", None)]
    return "NA" in texts and len(others) > 2 and all(re.fullmatch("[A-Z]{2}", str(text)) for text in others)


def with_missing(sample: TableSample, texts: list[str]) -> TableSample:
    """Return the sample with further texts that mean: no value."""
    if not texts:
        return sample
    form = replace(sample.form, missing=[*sample.form.missing, *texts])
    rows = pa.table({name: without(sample.rows[name], texts) for name in sample.rows.column_names})
    guesses = [replace(guess(column.name, rows[column.name], form), strays=column.strays) for column in sample.guesses]
    return TableSample(sample.path, form, rows, guesses, sample.has_more)


def without(column: pa.ChunkedArray, missing: list[str]) -> pa.Array:
    """Return a column of text with some of its values missing, unless it has no others."""
    chunk = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    texts, places = distinct(chunk)
    absent = pc.is_in(texts, value_set=pa.array(missing, pa.string())).to_numpy(zero_copy_only=False)
    if not absent.any() or absent.all():
        return chunk
    kept = np.append(np.where(absent, MISSING, np.arange(len(texts))), MISSING)[places]
    return pa.DictionaryArray.from_arrays(pa.array(kept.astype(np.int32), mask=kept == MISSING), texts)
