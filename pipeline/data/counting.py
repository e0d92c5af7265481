"""Count and number values by array, not by sorting, in memory that does not hang on the number of rows."""

from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

MISSING = -1
"""The index of no value."""
COUNTED_ROWS = 2**20
Index = npt.NDArray[np.int32]
Counts = npt.NDArray[np.int64]


def distinct(values: pa.Array) -> tuple[pa.Array, Index]:
    """Return the distinct texts of an array and each value's place among them, `MISSING` where it is null.

    The texts of a dictionary are returned as they are: some may have no place.
    """
    if not pa.types.is_dictionary(values.type) or values.dictionary.null_count:
        values = values.cast(pa.string()).dictionary_encode()
    return values.dictionary, pc.fill_null(values.indices, MISSING).to_numpy(zero_copy_only=False)


def counts(indices: npt.NDArray[Any], size: int) -> Counts:
    """Count each index below `size`, missing ones left out; in parts, for NumPy counts a copy of twice the width."""
    total = np.zeros(size + 1, dtype=np.int64)
    for start in range(0, len(indices), COUNTED_ROWS):
        total += np.bincount(indices[start : start + COUNTED_ROWS] + 1, minlength=size + 1)
    return total[1:]


def compact(places: npt.NDArray[Any]) -> tuple[Index, int]:
    """Number the places that occur, in their order, missing ones first; return the numbers and how many there are."""
    if int(places.max()) > 4 * len(places):
        names, numbers = np.unique(places, return_inverse=True)
        return numbers.astype(np.int32), len(names)
    # Counted, not sorted: several times as fast, as long as there is not much room between them.
    occurs = counts(places, int(places.max()) + 1) > 0
    occurs = np.append(occurs, (places == MISSING).any())  # at the end, where an index of -1 finds it
    numbers = np.cumsum(np.roll(occurs, 1)) - 1
    return np.roll(numbers, -1).astype(np.int32)[places], int(occurs.sum())
