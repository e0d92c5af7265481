"""Write synthetic files with the schema and shape of Kaggle's predicting-red-hat-business-value, at any size.

Known facts about the real files: 2,197,291 and 498,687 activities of 189,118 people; a share .444 of outcomes is 1; the
outcome is constant within 86 % of the people's groups (`group_1`) and switches at a date in most of the others. A
random split of the rows therefore scores far better than a split by person; the look-alike has this leak, too.
"""

import argparse
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as csv

TRAIN, TEST, PEOPLE, GROUPS = 2_197_291, 498_687, 189_118, 34_224
PEOPLE_CHARS = (2, 3, 43, 25, 9, 7, 25, 8, 9)
ACTIVITY_CHARS = (51, 32, 11, 7, 7, 5, 8, 18, 19)
CHAR_10, CATEGORIES, DAYS = 6_515, 7, 410
FIRST_DAY = np.datetime64("2022-07-17")
CONSTANT_GROUPS, GIANT_GROUP, TEST_PEOPLE = 0.86, 0.35, 0.2
FILES = ("people.csv", "act_train.csv", "act_test.csv")
Ints = npt.NDArray[np.int64]


def write(folder: Path, scale: float = 1.0, seed: int = 1, activities: float = 1.0) -> None:
    """Write `people.csv`, `act_train.csv` and `act_test.csv`.

    Args:
        folder: The folder to write; created if missing.
        scale: The size relative to the real number of rows and people.
        seed: The seed of all random numbers.
        activities: The factor on the number of activities of the same people.
    """
    folder.mkdir(parents=True, exist_ok=True)
    random = np.random.default_rng(seed)
    people = max(50, round(PEOPLE * scale))
    groups = max(20, round(GROUPS * scale))
    # Every group has a member; the other people join a giant group or follow a heavy-tailed distribution.
    group = np.concatenate([np.arange(groups), _heavy(random, groups, people - groups)])
    group = np.where(random.random(people) < GIANT_GROUP, 0, group)
    group[:groups] = np.arange(groups)
    random.shuffle(group)
    chars = [_heavy(random, count, people) for count in PEOPLE_CHARS]
    flags = random.random((28, people)) < random.uniform(0.1, 0.5, 28)[:, None]
    # Each group has its own level, and the char_38 of its people depends on it.
    level = random.normal(size=groups)
    score = np.clip(50 + 28 * (0.8 * level[group] + 0.6 * random.normal(size=people)), 0, 100).round().astype(int)
    side = {"people_id": _named("ppl_", np.arange(people)), "char_1": _named("type ", chars[0])}
    side |= {"group_1": _named("group ", group), "char_2": _named("type ", chars[1])}
    side["date"] = _dates(random.integers(DAYS, size=people))
    side |= {f"char_{i + 1}": _named("type ", chars[i]) for i in range(2, 9)}
    side |= {f"char_{10 + i}": _flags(flags[i]) for i in range(28)} | {"char_38": pa.array(score)}
    csv.write_csv(pa.table(side), folder / FILES[0])

    is_constant = random.random(groups) < CONSTANT_GROUPS
    outcome, switch = _outcomes(random, group, level, score, chars, is_constant)
    in_test = random.random(people) < TEST_PEOPLE
    for name, rows, chosen in ((FILES[1], TRAIN, ~in_test), (FILES[2], TEST, in_test)):
        count = max(100, round(rows * scale * activities))
        _activities(folder / name, random, np.flatnonzero(chosen), count, outcome, switch, labelled=name == FILES[1])


def _outcomes(
    random: np.random.Generator,
    group: Ints,
    level: npt.NDArray[np.float64],
    score: Ints,
    chars: list[Ints],
    is_constant: npt.NDArray[np.bool_],
) -> tuple[npt.NDArray[np.bool_], Ints]:
    """Return the first outcome of each person and the day on which it switches (after the last day for never)."""
    effects = random.normal(size=PEOPLE_CHARS[2])
    groups = len(level)
    by_group = random.random(groups) < _sigmoid(2.0 * level - 0.3)
    own = random.random(len(group)) < _sigmoid(0.12 * (score - 54) + 0.8 * effects[chars[2]])
    # The giant group is not a real group: its people have nothing in common.
    outcome = np.where(group == 0, own, by_group[group])
    days = np.where(is_constant, DAYS, random.integers(DAYS // 4, DAYS, size=groups))
    days[0] = DAYS
    return outcome, days[group]


def _activities(
    path: Path,
    random: np.random.Generator,
    people: Ints,
    rows: int,
    outcome: npt.NDArray[np.bool_],
    switch: Ints,
    *,
    labelled: bool,
) -> None:
    # Everyone has at least one activity; some have hundreds.
    who = np.concatenate([people[:rows], people[_heavy(random, len(people), max(0, rows - len(people)))]])
    who.sort()
    day = random.integers(DAYS, size=rows)
    category = _heavy(random, CATEGORIES, rows)
    first = category == 0
    kind = np.arange(rows) * 7 + random.integers(7, size=rows)
    columns = {
        "people_id": _named("ppl_", who),
        "activity_id": pc.binary_join_element_wise(_named("act", category + 1), kind.astype(str), "_"),
        "date": _dates(day),
        "activity_category": _named("type ", category + 1),
    }
    for number, count in enumerate(ACTIVITY_CHARS, start=1):
        columns[f"char_{number}"] = _named("type ", 1 + _heavy(random, count, rows), first)
    columns["char_10"] = _named("type ", 1 + _heavy(random, CHAR_10, rows), ~first)
    if labelled:
        columns["outcome"] = pa.array((outcome[who] ^ (day >= switch[who])).astype(np.int8))
    csv.write_csv(pa.table(columns), path, csv.WriteOptions(quoting_style="needed"))


def _heavy(random: np.random.Generator, values: int, size: int) -> Ints:
    # Value i has a frequency of about 1 / (i + 2): a few values are common, most are rare.
    drawn: Ints = np.floor((values + 2.0) ** random.random(size) * 2 ** (1 - random.random(size))).astype(np.int64) - 1
    return drawn % values


def _named(prefix: str, numbers: Ints, present: npt.NDArray[np.bool_] | None = None) -> pa.Array:
    distinct, places = np.unique(numbers, return_inverse=True)
    mask = None if present is None else ~present
    return pa.array([f"{prefix}{n}" for n in distinct]).take(pa.array(places, mask=mask))


def _flags(values: npt.NDArray[np.bool_]) -> pa.Array:
    return pa.array(["False", "True"]).take(pa.array(values.astype(np.int8)))


def _dates(days: Ints) -> pa.Array:
    return pa.array((FIRST_DAY + np.arange(DAYS)).astype(str)).take(pa.array(days))


def _sigmoid(values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    return 1 / (1 + np.exp(-values))


def main() -> None:
    """Write the files."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--scale", type=float, default=1.0, help="size relative to the real files (default 1)")
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    write(given.folder, given.scale, given.seed)


if __name__ == "__main__":
    main()
