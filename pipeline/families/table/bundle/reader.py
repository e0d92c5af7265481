"""Predict from rows of a table, given as Python objects. Needs only NumPy."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.families.table.data.crossing import read_crosses, with_crosses
from pipeline.portable.errors import BundleError, list_of

UNIT, BLANKS = "[$€£¥₹%]?", "[ \u00a0\u202f]*"
WITHOUT_DASHES = re.compile(r"^(\d{4})(\d{2})(\d{2})$|^(\d{4})/(\d{2})/(\d{2})", re.ASCII)
"""A date like 20131231 or 2013/12/31."""


def _number(text: str, decimal: str) -> float:
    """Read a text as `numbers_of` in pipeline/data/file_format.py does.

    Raises:
        ValueError: It is not a number.
    """
    mark, grouping = (r"\.", ",") if decimal == "." else (",", r"\.")
    if not (decimal == "," and "." in text) and "_" not in text:  # only Python accepts 1_000
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


def _moment(texts: Sequence[Any], parts: Sequence[str]) -> datetime:
    """Return the date of one text (2013-12-31, or 2013-12-31 23 … if the hour is a part) or of year, month and day."""
    try:
        if len(texts) == 3:
            year, month, day_of_month = (int(text) for text in texts)
            return datetime(year, month, day_of_month)
        text = WITHOUT_DASHES.sub(r"\1\4-\2\5-\3\6", texts[0])
        day, hour = text[:10], text[11:13] if "hour" in parts else ""
        return datetime.strptime(f"{day} {hour or '00'}", "%Y-%m-%d %H")
    except ValueError as error:
        raise BundleError(f"expected a date like 2013-12-31, received {' '.join(texts)!r}") from error


PARTS: dict[str, Callable[[datetime], int]] = {
    "year": lambda moment: moment.year,
    "month": lambda moment: moment.month,
    "day": lambda moment: moment.day,
    "weekday": lambda moment: moment.weekday(),
    "day_of_year": lambda moment: moment.timetuple().tm_yday,
    "week": lambda moment: moment.isocalendar()[1],
    "hour": lambda moment: moment.hour,
    "days": lambda moment: (moment - datetime(1970, 1, 1)).days,
}
"""The same functions as in `pipeline/families/table/data/calendar.py`."""


class RowReader:
    """Predicts from rows of a table, given as Python objects: text, numbers, and None for missing values."""

    def __init__(self, networks: Mapping[str, Any], facts: Mapping[str, Any], folder: Path) -> None:
        self._network, self._facts = networks["network"], facts
        self.columns: list[str] = facts["columns"]
        """Columns that each row must have, including those of side tables, with their prefix."""
        self.outputs: list[str] = facts["outputs"]
        """Output columns: `probability` (of the second class), one `probability_CLASS` per class, or `prediction`."""
        self.classes: list[str] = facts["classes"]
        """Values of the target; empty for a regression."""
        self._missing, self._crosses = set(facts["missing"]), read_crosses(folder)
        self._missing_numbers = set(facts["missing_numbers"])
        self._codes = [
            (column["name"], {category: code for code, category in enumerate(column["categories"], start=1)})
            for column in facts["categorical"]
        ]

    def __call__(self, rows: Sequence[Mapping[str, Any]]) -> Any:
        """Return the network's output for each row, shape (rows, outputs): a probability, one per class, or an amount.

        A category that did not occur in training is treated as missing. A whole number is treated as its text: 5 and
        5.0 as "5".

        Raises:
            BundleError: A row lacks a column, or a numeric column holds text that is not a number.
        """
        rows = list_of(rows, Mapping, 'rows, like [{"column": value, …}]')
        if not rows:
            return np.zeros((0, len(self.outputs)), np.float32)
        for index, row in enumerate(rows):
            if absent := [name for name in self.columns if name not in row]:
                raise BundleError(f"row {index}: no {', '.join(absent)}; pass None for an unknown value")
        rows = [{**row, **self._derived(row)} for row in rows]
        inputs: dict[str, Any] = {}
        if self._codes:
            codes = [[self._code(row[name], numbers) for name, numbers in self._codes] for row in rows]
            column_codes = np.array(codes, np.int32).reshape(len(rows), len(self._codes))
            inputs["categorical"] = with_crosses(column_codes, self._crosses)
        if numeric := self._facts["numeric"]:
            values = np.array(
                [[self._number(row[column["name"]], column["name"]) for column in numeric] for row in rows]
            ).reshape(len(rows), len(numeric))
            means, stds = (np.array([column[key] for column in numeric]) for key in ("mean", "std"))
            inputs["numeric"] = ((values - means) / stds).astype(np.float32)
        # The network does not take an input that has no columns.
        return self._network(**{name: array for name, array in inputs.items() if name in self._network.inputs})

    def _derived(self, row: Mapping[str, Any]) -> dict[str, Any]:
        """Return the calendar columns derived from the row's dates."""
        derived: dict[str, Any] = {}
        for calendar in self._facts["calendars"]:
            texts = [self._text(row[name]) for name in calendar["columns"]]
            moment = None if None in texts else _moment(texts, calendar["parts"])
            for part in calendar["parts"]:
                derived[f"{calendar['name']}_{part}"] = None if moment is None else PARTS[part](moment)
        return derived

    def _text(self, value: Any) -> str | None:
        if value is None or (isinstance(value, float) and value != value):
            return None
        text = str(value).lower() if isinstance(value, bool) else str(value).strip()  # as Arrow writes booleans
        return None if text in self._missing else text

    def _code(self, value: Any, numbers: Mapping[str, int]) -> int:
        text = self._text(value)
        if text is None:
            return 0
        if text not in numbers and isinstance(value, float) and value.is_integer():
            text = str(int(value))
        return numbers.get(text, 0)

    def _number(self, value: Any, name: str) -> float:
        text = self._text(value)
        if text is None or text in self._missing_numbers:
            return float("nan")
        try:
            number = _number(text, self._facts["decimal"] if isinstance(value, str) else ".")
        except ValueError as error:
            raise BundleError(f"{name}: expected a number, received {value!r}") from error
        return number if np.isfinite(number) else float("nan")
