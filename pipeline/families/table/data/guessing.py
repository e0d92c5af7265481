"""Guess the kind of a column from a sample of its values."""

import re
from dataclasses import dataclass, field
from datetime import datetime

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.data.cells import DATE_FORMATS, moment_of
from pipeline.data.file_format import UNITS, FileFormat, numbers_of
from pipeline.families.table.data.counting import Counts, counts, distinct
from pipeline.families.table.data.encoding import Floats

FEW = 32
"""Largest number of distinct whole numbers that are taken as categories, such as grades, months or codes."""
GAPS = 4
"""Average gap between whole numbers below which they are taken as consecutive row numbers."""
CHECKED = 200
"""Number of distinct values that are examined to recognise a date, or free text; of dates, all are read then."""
YEARS = 1900, 2100
"""First and last year of dates that are guessed from digits alone."""
VERSION = re.compile(r"(\d\.\d{1,2}|\d\d\.\d)\.\d\d")
"""Versions such as 4.3.20; a date like 04.03.20 has two digits throughout."""
STRAY_DATES = 0.01
"""Share of the rows that may be no dates, such as 2021-02-30, in a column of dates."""
IS_TIME = re.compile(
    r"(?i)(^|[^a-z])(date|time|timestamp|ts|epoch|unix|created|updated|modified|at)($|[^a-z])"
    r"|(date|time|stamp)$|(?-i:[a-z]At$)"
)
"""Names of columns whose large numbers may be seconds since 1970."""
STRAYS, STRAY_ROWS = 100, 0.1
"""Number of different texts, and share of the rows, that may be no numbers in a column of numbers."""
WORDS_FOR_MISSING, WORD_ROWS = 3, 0.5
"""The same for columns in which few words, such as `unknown`, stand for a missing value."""
LEADING_ZEROS = 0.005
"""Share of the rows with numbers like 007 from which on a column is one of codes."""
PLACEHOLDERS = {
    "",
    "?",
    "-",
    "--",
    ".",
    "*",
    "na",
    "n/a",
    "#n/a",
    "nan",
    "null",
    "(null)",
    "none",
    "nil",
    "\\n",
    "missing",
    "0000-00-00",
    "0000-00-00 00:00:00",
}
"""Texts that usually stand for a missing value, in lower case."""
WORDS = 2
"""Mean number of words from which on a column of mostly different values is free text."""


@dataclass(frozen=True)
class Guess:
    """The likely kind of a column, guessed from a sample.

    Attributes:
        name: Name of the column.
        kind: `categorical`, `numeric`, `date`, `text` (mostly different texts of several words), `id` (a different
            value in every row) or `empty` (no value at all).
        distinct: Number of distinct values in the sample.
        missing: Number of rows without a value in the sample.
        rows: Number of rows in the sample.
        examples: The most frequent values.
        has_hours: Whether it is a date with a time of day.
        date_format: How its dates are written: one of `DATE_FORMATS`.
        is_certain: Whether a date decides between day and month first.
        is_amount: Whether it is a number and not a code: it has many distinct values, or fractions.
        is_whole: Whether all its values are whole numbers.
        strays: Text → number of rows, for texts that are no numbers, or no dates, in a column of them.
    """

    name: str
    kind: str
    distinct: int
    missing: int
    rows: int
    examples: list[str]
    has_hours: bool = False
    date_format: str = "year_first"
    is_certain: bool = True
    is_amount: bool = False
    is_whole: bool = False
    strays: dict[str, int] = field(default_factory=dict)

    @property
    def present(self) -> int:
        """Number of rows with a value."""
        return self.rows - self.missing


def guess(name: str, column: pa.ChunkedArray, form: FileFormat, *, may_be_date: bool = True) -> Guess:
    """Guess the kind of a column of text."""
    texts, uses, missing = _values(column)
    rows, present = len(column), len(column) - missing
    first = texts.slice(0, CHECKED).to_pylist()
    examples = first[:5]
    if not first:
        return Guess(name, "empty", 0, missing, rows, examples)
    if may_be_date and (found := _dates(name, texts, uses)):
        return Guess(
            name,
            "date",
            len(texts),
            missing,
            rows,
            examples,
            has_hours=found.has_hours,
            date_format=found.format,
            is_certain=found.is_certain,
            strays=found.strays,
        )
    numbers, strays = _numbers(texts, uses, form)
    if numbers is None:
        kind = "categorical"
        if len(texts) > max(FEW, present / 2) and np.mean([len(text.split()) for text in first]) >= WORDS:
            kind = "text"
        elif len(texts) == rows > FEW:
            kind = "id"
        return Guess(name, kind, len(texts), missing, rows, examples)
    is_whole = bool((numbers == np.rint(numbers)).all())
    is_amount = len(numbers) > FEW or not is_whole
    is_whole &= is_amount or not strays  # few numbers and other texts are categories
    kind = "numeric" if is_amount else "categorical"
    if len(texts) == rows > FEW and not strays and _are_counted(numbers):
        kind = "id"
    return Guess(
        name,
        kind,
        len(texts),
        missing,
        rows,
        examples,
        is_amount=is_amount,
        is_whole=is_whole,
        strays=strays if is_amount else {},
    )


@dataclass(frozen=True)
class _Dates:
    format: str
    has_hours: bool
    is_certain: bool
    strays: dict[str, int]


def _dates(name: str, texts: pa.Array, uses: Counts) -> _Dates | None:
    """Return how the texts of a column are written as dates, the most frequent first; None if they are not dates.

    Placeholders, and a few other texts, may be no dates: they are strays.
    """
    frequent = zip(texts.slice(0, CHECKED).to_pylist(), uses.tolist(), strict=False)
    first = {text: rows for text, rows in frequent if text.lower() not in PLACEHOLDERS}
    read = {form: _moments([*first], form) for form in DATE_FORMATS if form != "unix" or IS_TIME.search(name)}
    least = (1 - STRAY_DATES) * sum(first.values())
    likely = [form for form, moments in read.items() if moments and sum(first[text] for text in moments) >= least]
    if not likely:
        return None
    every = texts.to_pylist()
    dates = {form: _moments(every, form) for form in likely}
    # Where day and month cannot be told apart: 1/2/2020 is American, 1.2.2020 and 1-2-2020 are not.
    is_american = ["month_first"] if "/" in next(iter(first)) else []
    usual = ["year_first", *is_american, "day_first", "month_first", "unix"]
    best = max(likely, key=lambda form: (len(dates[form]), -usual.index(form)))
    strays = {text: int(count) for text, count in zip(every, uses, strict=True) if text not in dates[best]}
    unusual = sum(count for text, count in strays.items() if text.lower() not in PLACEHOLDERS)
    if len(strays) > STRAYS or unusual > STRAY_DATES * uses.sum():
        return None
    others = [form for form in likely if form != best and dates[form] != dates[best]]
    is_certain = all(len(dates[form]) < len(dates[best]) for form in others)
    return _Dates(best, any(moment.hour for moment in dates[best].values()), is_certain, strays)


def _moments(texts: list[str], form: str) -> dict[str, datetime]:
    """Return the texts that are dates of a format; of digits alone, those of a plausible year; versions are none."""
    found = {text: moment for text in texts if (moment := moment_of(text, form)) and not VERSION.fullmatch(text)}
    return {
        text: moment
        for text, moment in found.items()
        if not text.replace(".", "").isdigit() or YEARS[0] <= moment.year <= YEARS[1]
    }


def _values(column: pa.ChunkedArray) -> tuple[pa.Array, Counts, int]:
    """Return the distinct texts, the most frequent first, the rows of each, and the number of rows without a value."""
    chunk = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    texts, places = distinct(chunk)
    uses = counts(places, len(texts))
    order = np.argsort(-uses, kind="stable")[: int((uses > 0).sum())]
    return texts.take(pa.array(order)), uses[order], len(chunk) - int(uses.sum())


def _numbers(texts: pa.Array, uses: Counts, form: FileFormat) -> tuple[Floats | None, dict[str, int]]:
    """Return the finite numbers among the texts of a column of numbers, else None; and the texts that are no numbers.

    Few texts may be no numbers. Where most numbers have no unit, those with one count as such: 45% is not 45 then.
    """
    # 007 is a code, not the number 7.
    has_zero = pc.match_substring_regex(texts, r"^-?0\d").to_numpy(zero_copy_only=False).astype(bool)
    if uses[has_zero].sum() > LEADING_ZEROS * uses.sum():
        return None, {}
    values, unreadable = numbers_of(texts, form)
    faulty = unreadable.to_numpy(zero_copy_only=False).astype(bool)
    with_unit = pc.match_substring_regex(texts, f"[{UNITS}]").to_numpy(zero_copy_only=False).astype(bool)
    if uses[with_unit].sum() < uses.sum() / 2:
        faulty |= with_unit
    strays: dict[str, int] = dict(zip(texts.filter(pa.array(faulty)).to_pylist(), uses[faulty].tolist(), strict=True))
    every = values.fill_null(np.nan).to_numpy(zero_copy_only=False)
    infinite = texts.filter(pa.array(np.isinf(every))).to_pylist()
    strays |= dict(zip(infinite, uses[np.isinf(every)].tolist(), strict=True))
    numbers = every[~faulty]
    numbers = numbers[np.isfinite(numbers)]
    unusual = sum(count for text, count in strays.items() if text.lower() not in PLACEHOLDERS)
    are_words = len(strays) <= WORDS_FOR_MISSING and not any(map(str.isdigit, "".join(strays)))
    share = WORD_ROWS if are_words else STRAY_ROWS
    if not len(numbers) or len(strays) > STRAYS or unusual > share * uses.sum():
        return None, {}
    return numbers, strays


def _are_counted(numbers: npt.NDArray[np.float64]) -> bool:
    # Numbers that were assigned consecutively; distinct amounts have wider gaps.
    is_whole = bool((numbers == np.rint(numbers)).all())
    return is_whole and float(numbers.max() - numbers.min()) < GAPS * len(numbers)
