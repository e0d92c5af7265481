"""Rows that stand twice: the same features in two splits, the same id in two rows."""

import numpy as np
import numpy.typing as npt

from pipeline.data.counting import MISSING, distinct
from pipeline.data.rows import RawRows
from pipeline.data.splits import SPLITS, Splits


def doubles(raw: RawRows, split: Splits) -> dict[str, float]:
    """Return the share of the rows of a split that equal a training row in every feature."""
    rows = _row_hashes(raw)
    train = np.sort(rows[split == 0])
    shares = {}
    for i, name in enumerate(SPLITS[1:], start=1):
        there = np.sort(rows[split == i])  # neighbours are found near each other
        place = np.minimum(np.searchsorted(train, there), len(train) - 1)
        shares[name] = float((train[place] == there).mean())
    return shares


def _row_hashes(raw: RawRows) -> npt.NDArray[np.uint64]:
    table = raw.table
    # A salt a column: 1 in one is not 1 in another.
    salts = {name: np.uint64((i + 1) * 0x9E3779B97F4A7C15 % 2**64) for i, name in enumerate(table.layout.inputs)}
    found = np.zeros(raw.rows, dtype=np.uint64)
    for key, part in table.parts.items():
        names = [name for name in part.names if name in salts]
        if names:
            each = [np.append(distinct(raw.values(name))[1], MISSING) for name in names]
            lookup = np.zeros(len(each[0]), dtype=np.uint64)
            for name, places in zip(names, each, strict=True):
                lookup += _mixed(places.astype(np.uint64) + salts[name])
            found += lookup[raw.indices[key].read()]
    for name in table.numbers:
        if name in salts:
            found += _mixed(raw.numbers[name].read().view(np.uint64) + salts[name])
    return found


def _mixed(values: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
    """Spread the bits: the finaliser of splitmix64 (Steele, Lea, Flood 2014)."""
    values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return values ^ (values >> np.uint64(31))


def repeated(hashes: npt.NDArray[np.uint64]) -> tuple[int, list[int]]:
    """Return how many ids stand in several rows, and the lines of the first such."""
    ordered = np.sort(hashes)
    several = np.unique(ordered[1:][ordered[1:] == ordered[:-1]])
    if not several.size:
        return 0, []
    first = hashes[np.flatnonzero(np.isin(hashes, several))[0]]
    return len(several), [int(row) + 2 for row in np.flatnonzero(hashes == first)[:3]]
