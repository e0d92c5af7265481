"""Who is held out."""

import numpy as np
import numpy.typing as npt

from pipeline.data.errors import DataError

SPLITS = ("train", "val", "test")
Rows = npt.NDArray[np.int64]


def split_groups(groups: int, test: float, validation: float, seed: int) -> npt.NDArray[np.int8]:
    """Draw a split for each group; all rows of a group go with it.

    Args:
        groups: How many there are.
        test: Share of the groups for the test split.
        validation: Share of the groups for the validation split.
        seed: The draw hangs on nothing else.

    Returns:
        Index into `SPLITS` for each group, shape `(groups,)`.

    Raises:
        DataError: A split would be empty.
    """
    counts = {"test": round(test * groups), "val": round(validation * groups)}
    counts["train"] = groups - sum(counts.values())
    for name, count in counts.items():
        if count < 1:
            raise DataError(
                f"the {name} split is empty: {groups} groups at test_fraction={test} and "
                f"validation_fraction={validation}. "
                "Give more rows, name finer groups in data.split_by or change the fractions."
            )
    order = np.random.default_rng(seed).permutation(groups)
    drawn = np.full(groups, SPLITS.index("train"), dtype=np.int8)
    drawn[order[: counts["test"]]] = SPLITS.index("test")
    drawn[order[counts["test"] : counts["test"] + counts["val"]]] = SPLITS.index("val")
    return drawn
