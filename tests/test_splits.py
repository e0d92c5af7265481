"""No group on two sides; the draw hangs on its seed alone."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.data.errors import DataError
from pipeline.data.splits import SPLITS, split_groups

seeds = st.integers(0, 2**31)


@given(groups=st.integers(20, 400), seed=seeds)
def test_every_group_has_one_split_and_no_split_is_empty(groups: int, seed: int) -> None:
    drawn = split_groups(groups, 0.2, 0.1, seed)
    assert drawn.shape == (groups,)
    counts = {name: int((drawn == i).sum()) for i, name in enumerate(SPLITS)}
    assert counts == {
        "test": round(0.2 * groups),
        "val": round(0.1 * groups),
        "train": groups - sum([round(0.2 * groups), round(0.1 * groups)]),
    }


def test_another_seed_draws_others() -> None:
    assert not np.array_equal(split_groups(100, 0.2, 0.1, 1), split_groups(100, 0.2, 0.1, 2))


@pytest.mark.parametrize(("groups", "name"), [(2, "test"), (4, "val"), (1, "test")])
def test_an_empty_split_is_refused(groups: int, name: str) -> None:
    with pytest.raises(DataError, match=f"the {name} split is empty: {groups} groups at test_fraction=0.2"):
        split_groups(groups, 0.2, 0.1, 1)


def test_no_rows_left_to_train_on_is_refused() -> None:
    with pytest.raises(DataError, match="the train split is empty"):
        split_groups(4, 0.5, 0.5, 1)
