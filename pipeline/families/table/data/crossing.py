"""Columns of a table taken together as one more column. NumPy alone."""

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
    """Columns taken together.

    Attributes:
        columns: Their places among the categorical columns.
        sizes: Number of codes of each.
        known: Combinations that are frequent enough in training, as `combined` numbers them, ascending int64.
    """

    columns: tuple[int, ...]
    sizes: tuple[int, ...]
    known: Any

    @property
    def cardinality(self) -> int:
        """Number of codes; 0 is a combination that is rare or unknown."""
        return len(self.known) + 1

    def codes(self, codes: Any) -> Any:
        """Return the code of each row, int32 `(rows,)`: the place of its combination among the known, from 1; or 0."""
        return codes_among(combined(codes, self.columns, self.sizes), self.known)

    def parts(self, code: int) -> list[int]:
        """Return the codes of the columns behind a code from 1."""
        number, found = int(self.known[code - 1]), []
        for size in self.sizes[::-1]:
            number, part = divmod(number, size)
            found.append(part)
        return found[::-1]


def combined(codes: Any, columns: Sequence[int], sizes: Sequence[int]) -> Any:
    """Return one number a row for what it has in several columns together, int64 `(rows,)`.

    Args:
        codes: `(rows, all columns)`.
        columns: Places of the ones that are taken together.
        sizes: Number of codes of each of them.
    """
    found = np.zeros(len(codes), np.int64)
    for column, size in zip(columns, sizes, strict=True):
        found = found * size + codes[:, column]
    return found


def with_crosses(codes: Any, crosses: Sequence[Cross]) -> Any:
    """Return the codes of all columns, those of the crosses behind the others."""
    if not crosses:
        return codes
    columns = codes.shape[1]
    found = np.empty((len(codes), columns + len(crosses)), np.int32)
    found[:, :columns] = codes
    for place, cross in enumerate(crosses, start=columns):
        found[:, place] = cross.codes(codes)
    return found


def to_bytes(crosses: Sequence[Cross]) -> bytes:
    """Return the content of `crosses.npz`."""
    buffer, arrays = io.BytesIO(), {}
    for place, cross in enumerate(crosses):
        arrays[f"columns_{place}"] = np.array([cross.columns, cross.sizes], np.int64)
        arrays[f"known_{place}"] = cross.known
    np.savez(buffer, allow_pickle=False, **arrays)
    return buffer.getvalue()


def read_crosses(folder: Path) -> list[Cross]:
    """Read `crosses.npz`; none where there is no such file."""
    if not (folder / CROSSES).is_file():
        return []
    found = []
    with np.load(folder / CROSSES, allow_pickle=False) as arrays:
        for place in range(len(arrays.files) // 2):
            columns, sizes = (tuple(each) for each in arrays[f"columns_{place}"].tolist())
            found.append(Cross(columns, sizes, arrays[f"known_{place}"]))
    return found
