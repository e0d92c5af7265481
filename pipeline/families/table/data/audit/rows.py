"""Find duplicate rows: the same features in two splits, or the same id in two rows."""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from pipeline.data.splits import SPLITS, Splits
from pipeline.families.table.data.counting import MISSING, PART_ROWS, distinct, parts
from pipeline.families.table.data.rows import RawRows


def doubles(raw: RawRows, split: Splits) -> dict[str, float]:
    """Return for each split the share of its rows that equal a training row in every feature."""
    hashes = _row_hashes(raw)
    train = np.empty(int((split == 0).sum()), dtype=np.uint64)
    filled = 0
    for part in parts(raw.rows):
        train_hashes = hashes(part)[split[part] == 0]
        train[filled : filled + len(train_hashes)] = train_hashes
        filled += len(train_hashes)
    train.sort()
    rows, twice = np.zeros(len(SPLITS)), np.zeros(len(SPLITS))
    for part in parts(raw.rows):
        part_hashes = hashes(part)
        for i in range(1, len(SPLITS)):
            held_out = np.sort(part_hashes[split[part] == i])  # sorted, so that lookups are close in memory
            place = np.minimum(np.searchsorted(train, held_out), len(train) - 1)
            rows[i] += len(held_out)
            twice[i] += int((train[place] == held_out).sum())
    return {name: float(twice[i] / rows[i]) for i, name in enumerate(SPLITS) if i}


def doubles_by_chance(raw: RawRows, train: npt.NDArray[np.bool_]) -> float:
    """Return the share of rows that would equal a training row if the columns were independent.

    Tables of few categories are full of equal rows that are not duplicates. Derived and joined columns follow from
    their key, so a part of the table counts as one column.
    """
    layout, rows = raw.table.layout, int(train.sum())
    same = 1.0
    for key, part in raw.table.parts.items():
        if set(part.names) & {*layout.inputs}:
            same *= float(((raw.counts(key, train) / rows) ** 2).sum())
    for name in raw.table.numbers:
        if name in layout.inputs:
            uses = np.unique(raw.numbers[name].read(0, PART_ROWS), return_counts=True)[1]
            same *= float(((uses / uses.sum()) ** 2).sum())
    return float(-np.expm1(-rows * same))


def _row_hashes(raw: RawRows) -> Callable[[slice], npt.NDArray[np.uint64]]:
    """Return a function that hashes the features of a slice of rows."""
    table = raw.table
    # One salt per column: the value 1 in one column differs from the value 1 in another.
    salts = {name: np.uint64((i + 1) * 0x9E3779B97F4A7C15 % 2**64) for i, name in enumerate(table.layout.inputs)}
    lookups = {}
    for key, part in table.parts.items():
        names = [name for name in part.names if name in salts]
        if names:
            lookups[key] = np.zeros(len(part) + 1, dtype=np.uint64)
            for name in names:
                places = np.append(distinct(raw.values(name))[1], MISSING)
                lookups[key] += _mixed(places.astype(np.uint64) + salts[name])

    def hashes(part: slice) -> npt.NDArray[np.uint64]:
        start, count = part.start, min(part.stop, raw.rows) - part.start
        total = np.zeros(count, dtype=np.uint64)
        for key, lookup in lookups.items():
            total += lookup[raw.indices[key].read(start, count)]
        for name in salts.keys() & set(table.numbers):
            total += _mixed(raw.numbers[name].read(start, count).view(np.uint64) + salts[name])
        return total

    return hashes


def _mixed(values: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
    """Mix the bits with the finaliser of splitmix64 (Steele, Lea, Flood 2014)."""
    values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return values ^ (values >> np.uint64(31))


def repeated(raw: RawRows) -> tuple[int, list[int]]:
    """Return how many ids occur in several rows, and the first lines of one of them; missing ids do not count."""
    ordered = raw.ids()
    ordered.sort()
    ordered = ordered[np.searchsorted(ordered, 0, side="right") :]  # the hash of a missing id is 0
    several = np.unique(ordered[1:][ordered[1:] == ordered[:-1]])
    if not several.size:
        return 0, []
    hashes = raw.ids()
    first = hashes[np.flatnonzero(np.isin(hashes, several))[0]]
    return len(several), [int(row) + 2 for row in np.flatnonzero(hashes == first)[:3]]
