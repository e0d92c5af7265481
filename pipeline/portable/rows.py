"""Rows of a table, as Python has them. NumPy alone."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np

from .errors import BundleError
from .runtime import Network


def _moment(texts: Sequence[Any]) -> datetime:
    """Return the date in one text (2013-12-31, 2013-12-31T23 …) or in three: year, month, day."""
    try:
        if len(texts) == 3:
            year, month, day_of_month = (int(text) for text in texts)
            return datetime(year, month, day_of_month)
        day, hour = texts[0][:10], texts[0][11:13]
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
"""As `pipeline/data/calendar.py` has them."""


class Rows:
    """Predicts from rows of a table, as Python has them: text, numbers, None where there is no value."""

    def __init__(self, networks: Mapping[str, Network], facts: Mapping[str, Any], _folder: Path) -> None:
        self._network, self._facts = networks["network"], facts
        self.columns: list[str] = facts["columns"]
        """What a row is asked for."""
        self._missing = set(facts["missing"])
        self._codes = [
            (column["name"], {category: code for code, category in enumerate(column["categories"], start=1)})
            for column in facts["categorical"]
        ]

    def __call__(self, rows: Sequence[Mapping[str, Any]]) -> Any:
        """Return the network's output for each row, `(rows, units)`: a probability, one a class, or an amount.

        A category that training did not see is unknown, as a missing one.

        Raises:
            BundleError: A row lacks a column, or holds text where a number is wanted.
        """
        for place, row in enumerate(rows):
            if lacking := [name for name in self.columns if name not in row]:
                raise BundleError(f"row {place}: no {', '.join(lacking)}; a value that is not known is None")
        rows = [{**row, **self._derived(row)} for row in rows]
        inputs: dict[str, Any] = {}
        if self._codes:
            codes = [[numbers.get(self._text(row[name]), 0) for name, numbers in self._codes] for row in rows]
            inputs["categorical"] = np.array(codes, np.int32).reshape(len(rows), len(self._codes))
        if numeric := self._facts["numeric"]:
            values = np.array(
                [[self._number(row[column["name"]], column["name"]) for column in numeric] for row in rows]
            ).reshape(len(rows), len(numeric))
            means, stds = (np.array([column[key] for column in numeric]) for key in ("mean", "std"))
            inputs["numeric"] = ((values - means) / stds).astype(np.float32)
        # A network takes no input that has no columns.
        return self._network(**{name: array for name, array in inputs.items() if name in self._network.inputs})

    def _derived(self, row: Mapping[str, Any]) -> dict[str, Any]:
        """Return what hangs on the row's dates."""
        found: dict[str, Any] = {}
        for calendar in self._facts["calendars"]:
            texts = [self._text(row[name]) for name in calendar["columns"]]
            for part in calendar["parts"]:
                known = None not in texts
                found[f"{calendar['name']}_{part}"] = PARTS[part](_moment(texts)) if known else None
        return found

    def _text(self, value: Any) -> str | None:
        if value is None or (isinstance(value, float) and value != value):
            return None
        text = str(value)
        return None if text in self._missing else text

    def _number(self, value: Any, name: str) -> float:
        text = self._text(value)
        try:
            found = float("nan") if text is None else float(text)
        except ValueError as error:
            raise BundleError(f"{name}: expected a number, received {value!r}") from error
        return found if np.isfinite(found) else float("nan")
