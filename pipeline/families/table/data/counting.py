"""Count and number values by array, not by sorting, in memory that does not hang on the number of rows."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

MISSING = -1
"""The index of no value."""
PART_ROWS = 2**20
Index = npt.NDArray[np.int32]
Counts = npt.NDArray[np.int64]


def distinct(values: pa.Array) -> tuple[pa.Array, Index]:
    """Return the distinct texts of an array and each value's place among them, `MISSING` where it is null.

    The texts of a dictionary are returned as they are: some may have no place.
    """
    if not pa.types.is_dictionary(values.type) or values.dictionary.null_count:
        values = values.cast(pa.string()).dictionary_encode()
    return values.dictionary, pc.fill_null(values.indices, MISSING).to_numpy(zero_copy_only=False)


def parts(rows: int) -> Iterator[slice]:
    """Cut rows into parts: what is worked out for one of them at a time takes no memory to speak of."""
    yield from (slice(start, start + PART_ROWS) for start in range(0, rows, PART_ROWS))


def counts(indices: npt.NDArray[Any], size: int) -> Counts:
    """Count each index below `size`, missing ones left out."""
    total = np.zeros(size + 1, dtype=np.int64)
    for part in parts(len(indices)):
        total += np.bincount(indices[part] + 1, minlength=size + 1)
    return total[1:]


def compact(places: npt.NDArray[Any], known: npt.NDArray[np.bool_]) -> tuple[Index, int]:
    """Number the places that occur among the known rows, in their order, missing ones first.

    Returns:
        The number of each row, `MISSING` where it is not known, and how many numbers there are.
    """
    if int(places.max()) > 4 * len(places):  # several columns: more combinations than rows
        names, numbers = np.unique(places[known], return_inverse=True)
        found = np.full(len(places), MISSING, dtype=np.int32)
        found[known] = numbers
        return found, len(names)
    # Counted, not sorted: several times as fast, as long as there is not much room between them.
    occurs = np.zeros(int(places.max()) + 2, dtype=np.int64)
    for part in parts(len(places)):
        occurs += np.bincount(places[part][known[part]] + 1, minlength=len(occurs))
    lookup = np.roll(np.cumsum(occurs > 0) - 1, -1).astype(np.int32)  # an index of -1 finds the first at the end
    found = np.empty(len(places), dtype=np.int32)
    for part in parts(len(places)):
        found[part] = np.where(known[part], lookup[places[part]], MISSING)
    return found, int((occurs > 0).sum())
