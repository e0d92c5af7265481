"""Read single values: their text, their number, their date. Needs only the standard library.

`pipeline/data/spelling.py` and `pipeline/data/file_format.py` read texts and numbers of whole columns by the same
rules; a test compares them.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

UNIT, BLANKS = "[$€£¥₹%]?", "[ \u00a0\u202f]*"
MIDNIGHT = r"(\d{4}-\d\d-\d\d)[ T]00:00(:00(\.0+)?)?Z?"
LARGEST_WHOLE = 2.0**53
"""Above it, floating-point numbers are not exact whole numbers."""
TRUTHS = {"true": "1", "false": "0"}
TIME = (
    r"(?:[ T]+(\d{1,2})(?::[0-5]\d(?::[0-5]\d(?:[.,]\d+)?)?)? ?([AaPp][Mm])?(?: ?(?:[A-Z]{1,4}|[+-]\d\d(?::?\d\d)?))?)?"
)
MONTH = r"\d{1,2}|[A-Za-z]{3,9}"
YEAR_FIRST = (
    r"(?P<year>\d{4})[-/.](?P<month>\d{1,2})[-/.](?P<day>\d{1,2})",
    r"(?P<year>\d{4})(?P<month>\d\d)(?P<day>\d\d)",
)
OTHERS = {
    "day_first": rf"(?P<day>\d{{1,2}})[-/. ]{{1,2}}(?P<month>{MONTH})[-/., ]{{1,2}}(?P<year>\d{{4}}|\d\d)",
    "month_first": rf"(?P<month>{MONTH})[-/. ]{{1,2}}(?P<day>\d{{1,2}})[-/., ]{{1,2}}(?P<year>\d{{4}}|\d\d)",
}
PATTERNS = {
    name: [re.compile(date + TIME, re.ASCII) for date in (*YEAR_FIRST, *others)]
    for name, others in {"year_first": [], **{name: [pattern] for name, pattern in OTHERS.items()}}.items()
}
MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
CENTURY = 69
"""Years of two digits from here on are of the twentieth century, as POSIX has it."""
UNIX = re.compile(r"(\d{9,10}|\d{12,13})(?:[.,]\d+)?", re.ASCII)
"""Seconds or milliseconds since 1970."""
MORE = 0.2
"""How much larger the share of unknown values is than in training, where rare values are unknown, for a warning."""
SEVERAL = 5
"""Number of values from which on it is worth a warning that most of them are unknown."""
DATE_FORMATS = {
    "year_first": "2013-12-31",
    "day_first": "31/12/2013, day first",
    "month_first": "12/31/2013, month first",
    "unix": "1388448000, seconds since 1970",
}
"""How dates may be written → an example."""


def text_of(value: Any, decimal: str) -> str | None:
    """Return the text of a value in its one spelling, None for a value that is missing.

    Args:
        value: A text, a number, a truth value, or None.
        decimal: The decimal mark of the numbers among the training data's texts.
    """
    if is_absent(value):
        return None
    if hasattr(value, "tolist") and hasattr(value, "__len__") and getattr(value, "shape", None):  # an array of NumPy
        value = value.tolist()
    if isinstance(value, list | tuple | dict):
        return as_json(value)
    if isinstance(value, bytes):
        return readable(value)
    if isinstance(value, timedelta):
        value = value.total_seconds()
    if isinstance(value, datetime):
        value = value.replace(tzinfo=None)
    if hasattr(value, "is_integer") and not isinstance(value, str):  # int, float and their NumPy kinds
        is_whole = bool(value.is_integer()) and (isinstance(value, int) or abs(value) < LARGEST_WHOLE)
        return str(int(value)) if is_whole and not isinstance(value, bool) else float_text(value, decimal)
    text = unicodedata.normalize("NFC", str(value).strip())
    text = re.sub(rf"^([+-]?\d+){re.escape(decimal)}0+$", r"\1", text, flags=re.ASCII)
    text = re.sub(r"^(\d{4}-\d\d-\d\d)T(\d\d:\d\d)", r"\1 \2", text, flags=re.ASCII)
    if found := re.fullmatch(MIDNIGHT, text, re.ASCII):
        return found[1]
    return text.lower() if text.lower() in TRUTHS else {"-0": "0"}.get(text, text)


def is_absent(value: Any) -> bool:
    """Return whether a value is None, not a number, or one of pandas' missing values."""
    try:
        return value is None or bool(value != value)
    except TypeError:  # pandas.NA
        return True
    except ValueError:  # an array
        return False


def as_json(value: Any) -> str:
    """Return a list or a structure as text."""
    return json.dumps(value, ensure_ascii=False, sort_keys=True, default=str)


def readable(content: bytes) -> str:
    """Return bytes as UTF-8, or as hexadecimal digits."""
    try:
        return content.decode()
    except UnicodeDecodeError:
        return content.hex()


def float_text(value: Any, decimal: str) -> str:
    """Return the text of a number with a fraction, or of a truth value."""
    text = str(value)
    return text.lower() if text.lower() in TRUTHS else re.sub(r"e([+-])0", r"e\1", text).replace(".", decimal)


def plain_number(text: str, decimal: str) -> float | None:
    """Return the number that a text is, if it has neither a unit nor marks that group its digits."""
    if not re.fullmatch(rf"[+-]?\d+({re.escape(decimal)}\d+)?", text.strip(), re.ASCII):
        return None
    return float(text.replace(decimal, "."))


def aliases_of(categories: Sequence[str]) -> dict[str, str]:
    """Return other spellings of categories that are truth values: 1 and 0 for true and false, or the reverse."""
    others = {**TRUTHS, **{digit: word for word, digit in TRUTHS.items()}}
    are_truths = {*categories} <= {*TRUTHS} or {*categories} <= {*TRUTHS.values()}
    return {others[category]: category for category in categories} if are_truths else {}


def is_mostly_unknown(unknown: int, present: int, rare: float) -> bool:
    """Return whether most of a column's values are unknown, and there are several; `rare`: the share in training."""
    return present >= SEVERAL and unknown > present * max(0.5, rare + MORE)


def mostly_unknown(unknown: int, examples: Sequence[str], categories: Sequence[str]) -> str:
    """Return a warning of a column's values that are not among those that the network knows."""
    received, known = (", ".join(map(repr, texts[:3])) for texts in (list(dict.fromkeys(examples)), categories))
    return (
        f"{unknown:,} values are unknown to the network and count as missing, such as {received}; it knows "
        f"{known}{', …' if len(categories) > 3 else ''}. Are they written differently?"
    )


def number_of(text: str, decimal: str) -> float:
    """Return the number that a text is, as `numbers_of` in pipeline/data/file_format.py reads it.

    Raises:
        ValueError: It is not a number.
    """
    mark, grouping = (r"\.", ",") if decimal == "." else (",", r"\.")
    # Only Python accepts 1_000, and digits of other scripts.
    if not (decimal == "," and "." in text) and "_" not in text and text.isascii():
        try:
            return float(text.replace(",", ".") if decimal == "," else text)
        except ValueError:
            pass
    grouped = rf"\d{{1,3}}(?:[ \u00a0\u202f'’]\d{{3}})+|\d{{1,3}}(?:{grouping}\d{{3}})+"
    parts = re.fullmatch(
        rf"{UNIT}{BLANKS}([+-]?){BLANKS}{UNIT}{BLANKS}(\d+|{grouped}|)((?:{mark}\d*)?){BLANKS}{UNIT}", text, re.ASCII
    )
    if parts is None or not re.search(r"\d", text):
        raise ValueError(text)
    sign, whole, fraction = parts.groups()
    return float(sign + re.sub(r"\D", "", whole) + fraction.replace(",", "."))


def moment_of(text: str, form: str) -> datetime | None:
    """Return the date of a text, and its hour; a time zone is left out. None if it is not a date.

    Args:
        text: The text.
        form: One of `DATE_FORMATS`. Dates that begin with a year of four digits are read in all of them but `unix`.
    """
    if form == "unix":
        return _since_1970(text)
    found = next((match for pattern in PATTERNS[form] if (match := pattern.fullmatch(text))), None)
    if found is None:
        return None
    name, hour, half = found["month"], int(found[4] or 0), (found[5] or "").lower()
    if half:
        if not 1 <= hour <= 12:
            return None
        hour = hour % 12 + (12 if half == "pm" else 0)
    try:
        month = int(name) if name.isdigit() else MONTHS.index(name[:3].lower()) + 1
        year = int(found["year"])
        if len(found["year"]) == 2:
            year += 1900 if year >= CENTURY else 2000
        return datetime(year, month, int(found["day"]), hour)
    except ValueError:
        return None


def _since_1970(text: str) -> datetime | None:
    found = UNIX.fullmatch(text)
    if found is None:
        return None
    seconds = int(found[1]) // (1 if len(found[1]) <= 10 else 1000)
    return datetime(1970, 1, 1) + timedelta(hours=seconds // 3600)
