"""Values as codes. NumPy alone."""

from __future__ import annotations

from typing import Any

import numpy as np


def codes_among(values: Any, known: Any) -> Any:
    """Return which of the known values each one is: its place from 1, or 0 where it is none of them.

    Args:
        values: `(rows,)`.
        known: `(known,)`, ascending, of the same type.

    Returns:
        int32 `(rows,)`.
    """
    if not len(known):
        return np.zeros(len(values), np.int32)
    places = np.minimum(np.searchsorted(known, values), len(known) - 1)
    return np.where(known[places] == values, places + 1, 0).astype(np.int32)
