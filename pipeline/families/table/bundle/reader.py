"""Predict from rows of a table, given as Python objects. Needs only NumPy."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.data.cells import (
    DATE_FORMATS,
    aliases_of,
    is_mostly_unknown,
    moment_of,
    mostly_unknown,
    number_of,
    plain_number,
    text_of,
)
from pipeline.families.table.data.crossing import read_crosses, with_crosses
from pipeline.portable.errors import BundleError, list_of
from pipeline.portable.request_fields import fields_of


def _moment(texts: Sequence[str], form: str) -> datetime:
    """Return the date of one text, or of year, month and day."""
    try:
        if len(texts) == 1:
            found = moment_of(texts[0], form)
        else:
            year, month, day = (int(text) for text in texts)
            found = datetime(year, month, day)
    except ValueError:
        found = None
    if found is None:
        raise BundleError(f"expected a date like {DATE_FORMATS[form]}, received {' '.join(texts)!r}")
    return found


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
        self._decimal, self._crosses = facts["decimal"], read_crosses(folder)
        self._missing = {text_of(text, self._decimal) for text in facts["missing"]} | {""}
        self._missing_numbers = {text_of(text, self._decimal) for text in facts["missing_numbers"]}
        absent = [plain_number(text, self._decimal) for text in (*facts["missing"], *facts["missing_numbers"])]
        self._absent = {number for number in absent if number is not None}
        self._codes = [(column["name"], _codes(column["categories"])) for column in facts["categorical"]]
        self._rare = [column["rare"] for column in facts["categorical"]]

    field = "rows"
    """Name of the inputs in a request to the service."""

    def describe(self) -> dict[str, Any]:
        """Return what a request and its answer hold, for the service."""
        described = {"rows": self.columns, "predictions": self.outputs, "classes": self.classes}
        return described | ({"probability_of": self.classes[1]} if len(self.classes) == 2 else {})

    def answer(self, request: Any) -> list[dict[str, float]]:
        """Return the outputs by name for each row of a request, `{"rows": [{"column": value, …}, …]}`.

        Raises:
            BundleError: The request is not like this, or a row is refused.
        """
        rows, _ = fields_of(request, self.field, {})
        for index, row in enumerate(rows):
            for name, value in row.items() if isinstance(row, Mapping) else ():
                is_infinite = isinstance(value, float) and not math.isfinite(value)
                if is_infinite or isinstance(value, (list, dict)):
                    raise BundleError(
                        f"row {index}: {name}: expected a text, a finite number, true, false or null; "
                        f"received {value!r:.60}"
                    )
        return [dict(zip(self.outputs, output, strict=True)) for output in self(rows).tolist()]

    def __call__(self, rows: Sequence[Mapping[str, Any]]) -> Any:
        """Return the network's output for each row, shape (rows, outputs): a probability, one per class, or an amount.

        A category that did not occur in training is treated as missing; if most values of a column did not, a warning
        says so. A number or a truth value is treated as its text: 5 and 5.0 as "5", True as "true".

        Raises:
            BundleError: A row lacks a column, or a numeric column holds text that is not a number.
        """
        rows = list_of(rows, Mapping, 'rows, like [{"column": value, …}]')
        if not rows:
            return np.zeros((0, len(self.outputs)), np.float32)
        for index, row in enumerate(rows):
            if absent := [name for name in self.columns if name not in row]:
                raise BundleError(f"row {index}: no {', '.join(absent)}; pass None (in JSON null) for an unknown value")
        rows = [{**row, **self._derived(row)} for row in rows]
        inputs: dict[str, Any] = {}
        if self._codes:
            columns = [
                self._column_of_codes([row[name] for row in rows], place) for place, (name, _) in enumerate(self._codes)
            ]
            inputs["categorical"] = with_crosses(np.array(columns, np.int32).T, self._crosses)
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
            given = [self._text(row[name]) for name in calendar["columns"]]
            texts = [text for text in given if text is not None]
            moment = _moment(texts, calendar["format"]) if len(texts) == len(given) else None
            for part in calendar["parts"]:
                derived[f"{calendar['name']}_{part}"] = None if moment is None else PARTS[part](moment)
        return derived

    def _text(self, value: Any) -> str | None:
        text = text_of(value, self._decimal)
        return None if text in self._missing else text

    def _column_of_codes(self, values: Sequence[Any], place: int) -> list[int]:
        name, codes = self._codes[place]
        texts = [self._text(value) for value in values]
        found = [codes.get(text, 0) if text is not None else 0 for text in texts]
        unknown = [text for text, code in zip(texts, found, strict=True) if text is not None and not code]
        if is_mostly_unknown(len(unknown), len(texts) - texts.count(None), self._rare[place]):
            warnings.warn(f"{name}: {mostly_unknown(len(unknown), unknown, [*codes])}", stacklevel=4)
        return found

    def _number(self, value: Any, name: str) -> float:
        text = self._text(value)
        if text is None or text in self._missing_numbers:
            return float("nan")
        number = self._parsed(text)
        if number is None:
            raise BundleError(f"{name}: expected a number, received {value!r}")
        return number if math.isfinite(number) and number not in self._absent else float("nan")

    def _parsed(self, text: str) -> float | None:
        try:
            return number_of(text, self._decimal)
        except ValueError:
            return None


def _codes(categories: Sequence[str]) -> dict[str, int]:
    codes = {category: code for code, category in enumerate(categories, start=1)}
    return codes | {alias: codes[category] for alias, category in aliases_of(categories).items()}
