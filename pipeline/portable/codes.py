"""Convert values to codes, in NumPy."""

from __future__ import annotations

from typing import Any

import numpy as np


def codes_among(values: Any, known: Any) -> Any:
    """Return the position of each value among the known values, from 1, or 0 for unknown values.

    Args:
        values: The values, shape (rows,).
        known: The known values in ascending order and of the same type, shape (known,).

    Returns:
        The codes, int32, shape (rows,).
    """
    if not len(known):
        return np.zeros(len(values), np.int32)
    positions = np.minimum(np.searchsorted(known, values), len(known) - 1)
    return np.where(known[positions] == values, positions + 1, 0).astype(np.int32)
