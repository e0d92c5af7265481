"""Crosses: several columns of a table combined into one more column. Needs only NumPy."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.portable.codes import codes_among

CROSSES = "crosses.npz"


@dataclass(frozen=True)
class Cross:
    """A cross of several columns.

    Attributes:
        columns: Indices of the columns among the categorical columns.
        sizes: Number of codes of each column.
        known: Combinations that are frequent enough in training, numbered as by `combined`, ascending, int64.
    """

    columns: tuple[int, ...]
    sizes: tuple[int, ...]
    known: Any

    @property
    def cardinality(self) -> int:
        """Number of codes; code 0 is a rare or unknown combination."""
        return len(self.known) + 1

    def codes(self, codes: Any) -> Any:
        """Return the code of each row, int32, shape (rows,): the place of its combination in `known` from 1, or 0."""
        return codes_among(combined(codes, self.columns, self.sizes), self.known)

    def parts(self, code: int) -> list[int]:
        """Return the codes of the columns that a code of the cross, from 1, stands for."""
        number, codes = int(self.known[code - 1]), []
        for size in self.sizes[::-1]:
            number, part = divmod(number, size)
            codes.append(part)
        return codes[::-1]


def combined(codes: Any, columns: Sequence[int], sizes: Sequence[int]) -> Any:
    """Return one number per row for its combination of codes, int64, shape (rows,).

    Args:
        codes: Codes, shape (rows, all columns).
        columns: Indices of the columns to combine.
        sizes: Number of codes of each of these columns.
    """
    numbers = np.zeros(len(codes), np.int64)
    for column, size in zip(columns, sizes, strict=True):
        numbers = numbers * size + codes[:, column]
    return numbers


def with_crosses(codes: Any, crosses: Sequence[Cross]) -> Any:
    """Return the codes of all columns, followed by those of the crosses."""
    if not crosses:
        return codes
    columns = codes.shape[1]
    extended = np.empty((len(codes), columns + len(crosses)), np.int32)
    extended[:, :columns] = codes
    for place, cross in enumerate(crosses, start=columns):
        extended[:, place] = cross.codes(codes)
    return extended


def to_bytes(crosses: Sequence[Cross]) -> bytes:
    """Return the content of `crosses.npz`."""
    buffer, arrays = io.BytesIO(), {}
    for place, cross in enumerate(crosses):
        arrays[f"columns_{place}"] = np.array([cross.columns, cross.sizes], np.int64)
        arrays[f"known_{place}"] = cross.known
    np.savez(buffer, allow_pickle=False, **arrays)
    return buffer.getvalue()


def read_crosses(folder: Path) -> list[Cross]:
    """Read `crosses.npz`; return an empty list if the file does not exist."""
    if not (folder / CROSSES).is_file():
        return []
    crosses = []
    with np.load(folder / CROSSES, allow_pickle=False) as arrays:
        for place in range(len(arrays.files) // 2):
            columns, sizes = (tuple(row) for row in arrays[f"columns_{place}"].tolist())
            crosses.append(Cross(columns, sizes, arrays[f"known_{place}"]))
    return crosses
