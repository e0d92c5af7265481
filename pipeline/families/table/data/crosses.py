"""Choose the crosses of categorical columns and the combinations that each cross distinguishes."""

import math
from collections.abc import Sequence
from itertools import combinations

import numpy as np
import numpy.typing as npt

from pipeline.families.table.data.crossing import Cross, combined

SIZES = {"none": 0, "pairs": 2, "triples": 3}
"""Choice of `model.crosses` → largest number of columns in a cross."""
LARGEST = 2**62
"""Limit on the number of combinations, so that their numbers fit into 64 bits."""
Codes = npt.NDArray[np.int32]


def crossed(choice: str, named: Sequence[Sequence[int]], count: int) -> list[tuple[int, ...]]:
    """Return the column indices of each cross.

    Args:
        choice: A key of `SIZES`.
        named: Column indices of additional crosses.
        count: Number of columns.
    """
    chosen = [columns for size in range(2, SIZES[choice] + 1) for columns in combinations(range(count), size)]
    return list(dict.fromkeys([*chosen, *(tuple(sorted(columns)) for columns in named)]))


def most_codes(rows: int, sizes: Sequence[int], columns: Sequence[int], min_count: int) -> int:
    """Return the largest possible number of codes of a cross, without counting its combinations."""
    return min(math.prod(sizes[column] for column in columns), rows // min_count) + 1


def fit_crosses(codes: Codes, sizes: Sequence[int], chosen: Sequence[tuple[int, ...]], min_count: int) -> list[Cross]:
    """Count combinations in the training rows; those seen less often than `min_count` become code 0.

    A cross is left out if it distinguishes no more than some of its columns do, because these determine the others, or
    if no combination is frequent enough.

    Args:
        codes: Codes of the training rows, shape (rows, columns).
        sizes: Number of codes of each column.
        chosen: Column indices of each cross; the product of their sizes must be below `LARGEST`.
        min_count: Smallest number of rows of a known combination.
    """
    distinct: dict[tuple[int, ...], int] = {(column,): len(np.unique(codes[:, column])) for column in range(len(sizes))}
    crosses = []
    for columns in sorted(chosen, key=len):
        widths = tuple(sizes[column] for column in columns)
        names, counts = np.unique(combined(codes, columns, widths), return_counts=True)
        distinct[columns] = len(names)
        subsets = [subset for size in range(1, len(columns)) for subset in combinations(columns, size)]
        known = names[counts >= min_count]
        if len(known) and all(distinct.get(subset, 0) < len(names) for subset in subsets):
            crosses.append(Cross(columns, widths, known))
    return crosses
