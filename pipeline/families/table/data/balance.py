"""Compare the sizes of test and validation split, or of test split and folds, with what was asked for."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pipeline.data.splits import DROPPED, SPLITS
from pipeline.families.table.data.holdout import HeldOut, Holdout
from pipeline.families.table.data.targets import Answers

FACTOR = 1.5
"""Factor beyond which a part is too large or too small."""
DEVIATIONS = 2.0
"""Standard deviations of a random draw by which the rows of a class may differ in any case."""


@dataclass(frozen=True)
class Share:
    """The rows of one part: a split or a fold.

    Attributes:
        part: `test`, `val` or `fold N`.
        label: The class that is counted; None for all rows.
        rows: Number of its rows in the part.
        expected: Number of rows that was asked for.
        total: Number of its rows in all parts.
    """

    part: str
    label: str | None
    rows: int
    expected: float
    total: int

    @property
    def factor(self) -> float:
        """Factor between the number of rows and the number asked for, at least 1; infinite for no rows."""
        low, high = sorted((float(self.rows), self.expected))
        return high / low if low else float("inf")


def shares(answers: Answers, held: HeldOut, holdout: Holdout) -> Iterator[Share]:
    """Return the rows of each part, and its rows of each class where they are drawn; nothing for a given split."""
    if holdout.method == "given":
        return
    labels: list[str | None] = [None, *(answers.classes if holdout.method != "time" else [])]
    used = held.split != DROPPED
    codes = np.nan_to_num(answers.values[used]).astype(np.int32) if answers.classes else np.zeros(0, np.int32)
    for part, mask, share in _parts(held, holdout):
        chosen = mask[used]
        for place, label in enumerate(labels):
            of_label = np.ones(len(chosen), dtype=bool) if label is None else codes == place - 1
            total = int(of_label.sum())
            yield Share(part, label, int((of_label & chosen).sum()), share * total, total)


def lopsided(answers: Answers, held: HeldOut, holdout: Holdout) -> list[Share]:
    """Return the shares that differ from what was asked for by more than `FACTOR`, and by more than by chance."""
    found = []
    for share in shares(answers, held, holdout):
        allowed = 1.0 if share.label is None else DEVIATIONS * share.expected**0.5
        if share.factor > FACTOR and abs(share.rows - share.expected) > allowed:
            found.append(share)
    return found


def _parts(held: HeldOut, holdout: Holdout) -> Iterator[tuple[str, npt.NDArray[np.bool_], float]]:
    yield "test", held.split == SPLITS.index("test"), holdout.test
    if holdout.folds == 1:
        yield "val", held.split == SPLITS.index("val"), holdout.validation
        return
    for number in range(holdout.folds):
        yield f"fold {number + 1}", held.fold == number, (1 - holdout.test) / holdout.folds
