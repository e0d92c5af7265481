"""Count and number values with lookup arrays instead of sorting, in memory that is independent of the row count."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

MISSING = -1
"""The index of a missing value."""
PART_ROWS = 2**20
Index = npt.NDArray[np.int32]
Counts = npt.NDArray[np.int64]


def distinct(values: pa.Array) -> tuple[pa.Array, Index]:
    """Return the distinct texts of an array and the place of each value among them, `MISSING` for null.

    The texts of a dictionary are returned unchanged: some may not occur in the array.
    """
    if not pa.types.is_dictionary(values.type) or values.dictionary.null_count:
        values = values.cast(pa.string()).dictionary_encode()
    return values.dictionary, pc.fill_null(values.indices, MISSING).to_numpy(zero_copy_only=False)


def differing_in_case(texts: pa.Array) -> list[list[str]]:
    """Return groups of distinct texts that are the same but for upper and lower case."""
    lower = pc.utf8_lower(texts)
    found = pc.value_counts(lower)
    repeated = found.field("values").filter(pc.greater(found.field("counts"), 1))
    if not len(repeated):
        return []
    place = pc.index_in(lower, value_set=repeated)
    groups: dict[int, list[str]] = {}
    for text, group in zip(texts.to_pylist(), place.to_pylist(), strict=True):
        if group is not None:
            groups.setdefault(group, []).append(text)
    return [*groups.values()]


def parts(rows: int) -> Iterator[slice]:
    """Yield slices of the rows, so that work on one slice at a time needs little memory."""
    yield from (slice(start, start + PART_ROWS) for start in range(0, rows, PART_ROWS))


def counts(indices: npt.NDArray[Any], size: int) -> Counts:
    """Count each index below `size`; missing values are not counted."""
    total = np.zeros(size + 1, dtype=np.int64)
    for part in parts(len(indices)):
        total += np.bincount(indices[part] + 1, minlength=size + 1)
    return total[1:]


def compact(places: npt.NDArray[Any], known: npt.NDArray[np.bool_]) -> tuple[Index, int]:
    """Number the places that occur among the known rows in ascending order, missing values first.

    Returns:
        The number of each row, `MISSING` if the row is not known, and the count of numbers.
    """
    if int(places.max()) > 4 * len(places):  # several columns: more combinations than rows
        names, numbers = np.unique(places[known], return_inverse=True)
        compacted = np.full(len(places), MISSING, dtype=np.int32)
        compacted[known] = numbers
        return compacted, len(names)
    # Counting is several times as fast as sorting, as long as the gaps between places are small.
    occurs = np.zeros(int(places.max()) + 2, dtype=np.int64)
    for part in parts(len(places)):
        occurs += np.bincount(places[part][known[part]] + 1, minlength=len(occurs))
    lookup = np.roll(np.cumsum(occurs > 0) - 1, -1).astype(
        np.int32
    )  # index -1 reads the first number, rolled to the end
    compacted = np.empty(len(places), dtype=np.int32)
    for part in parts(len(places)):
        compacted[part] = np.where(known[part], lookup[places[part]], MISSING)
    return compacted, int((occurs > 0).sum())
