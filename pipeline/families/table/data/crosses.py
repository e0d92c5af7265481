"""Which columns of codes are taken together, and which of their combinations count."""

import math
from collections.abc import Sequence
from itertools import combinations

import numpy as np
import numpy.typing as npt

from pipeline.families.table.data.crossing import Cross, combined

SIZES = {"none": 0, "pairs": 2, "triples": 3}
"""Choice of `model.crosses` → columns taken together at most."""
LARGEST = 2**62
"""Numbers of combinations must fit into 64 bits."""
Codes = npt.NDArray[np.int32]


def crossed(choice: str, named: Sequence[Sequence[int]], count: int) -> list[tuple[int, ...]]:
    """Return the places of the columns that are taken together.

    Args:
        choice: A key of `SIZES`.
        named: Places that are taken together besides.
        count: Of columns.
    """
    of_all = [each for size in range(2, SIZES[choice] + 1) for each in combinations(range(count), size)]
    return list(dict.fromkeys([*of_all, *(tuple(sorted(each)) for each in named)]))


def most_codes(rows: int, sizes: Sequence[int], columns: Sequence[int], min_count: int) -> int:
    """Return how many codes a cross can have at most, before anything is counted."""
    return min(math.prod(sizes[column] for column in columns), rows // min_count) + 1


def fit_crosses(codes: Codes, sizes: Sequence[int], chosen: Sequence[tuple[int, ...]], min_count: int) -> list[Cross]:
    """Count combinations in the training rows; those seen less often than `min_count` become code 0.

    Left out is what says no more than some of its columns do, as one of them tells the others; and what has no
    combination that is frequent enough.

    Args:
        codes: Of the training rows, `(rows, columns)`.
        sizes: Number of codes of each column.
        chosen: Places of the columns of each cross; the product of their sizes below `LARGEST`.
        min_count: Of rows.
    """
    different: dict[tuple[int, ...], int] = {
        (column,): len(np.unique(codes[:, column])) for column in range(len(sizes))
    }
    found = []
    for columns in sorted(chosen, key=len):
        widths = tuple(sizes[column] for column in columns)
        names, counts = np.unique(combined(codes, columns, widths), return_counts=True)
        different[columns] = len(names)
        parts = [each for size in range(1, len(columns)) for each in combinations(columns, size)]
        known = names[counts >= min_count]
        if len(known) and all(different.get(part, 0) < len(names) for part in parts):
            found.append(Cross(columns, widths, known))
    return found
