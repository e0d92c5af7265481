"""Scores: by hand, against scikit-learn, and their intervals."""

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from sklearn import metrics as sklearn_metrics

from pipeline.families.table.metrics.binary import BinaryScores, binary_scores
from pipeline.families.table.metrics.curves import calibration, precision_recall, roc
from pipeline.metrics import interval, resampled


def test_scores_by_hand() -> None:
    found = binary_scores(np.array([0, 1, 1, 0]), np.array([0.1, 0.9, 0.4, 0.4]))
    # Positives .9 and .4 against negatives .1 and .4: three pairs right, one tied.
    assert found["auc"] == (3 + 0.5) / 4
    # Found at .9 with precision 1, at .4 (with a negative) with precision 2/3.
    assert found["average_precision"] == pytest.approx(0.5 * 1 + 0.5 * 2 / 3)
    assert found["accuracy"] == 3 / 4
    assert found["brier"] == pytest.approx((0.01 + 0.01 + 0.36 + 0.16) / 4)
    assert found["log_loss"] == pytest.approx(-(np.log(0.9) + np.log(0.9) + np.log(0.4) + np.log(0.6)) / 4)


rows = st.lists(st.tuples(st.booleans(), st.integers(0, 10), st.integers(0, 3)), min_size=2, max_size=60)


@given(rows)
def test_weighted_scores_equal_those_of_scikit_learn(drawn: list[tuple[bool, int, int]]) -> None:
    target, steps, weight = (np.array(column, dtype=float) for column in zip(*drawn, strict=True))
    assume(weight @ target > 0 and weight @ (1 - target) > 0)
    probability = 0.05 + 0.09 * steps
    found = BinaryScores(target, probability)(weight)
    used = weight > 0
    target, probability, weight = target[used], probability[used], weight[used]
    assert found["auc"] == pytest.approx(sklearn_metrics.roc_auc_score(target, probability, sample_weight=weight))
    expected = sklearn_metrics.average_precision_score(target, probability, sample_weight=weight)
    assert found["average_precision"] == pytest.approx(expected)
    expected = sklearn_metrics.log_loss(target, probability, sample_weight=weight, labels=[0, 1])
    assert found["log_loss"] == pytest.approx(expected)
    right = (probability >= 0.5) == (target == 1)
    assert found["accuracy"] == pytest.approx(np.average(right, weights=weight))
    assert found["brier"] == pytest.approx(np.average((probability - target) ** 2, weights=weight))


def test_intervals_resample_groups_not_rows() -> None:
    # Two hundred rows of four groups, all alike within: rows would promise a narrow interval, groups know better.
    group = np.repeat(np.arange(4), 50)
    value = np.repeat([0.0, 0.0, 1.0, 1.0], 50)

    def mean(weight: np.ndarray) -> dict[str, float]:
        return {"mean": float(weight @ value / weight.sum())}

    assert interval(resampled(mean, group, 1000)["mean"], 0.95) == (0.0, 1.0)
    low, high = interval(resampled(mean, np.arange(200), 1000)["mean"], 0.95)
    assert 0.4 < low < 0.5 < high < 0.6


def test_an_interval_does_not_depend_on_the_order_of_the_rows() -> None:
    target, probability, group = np.array([0.0, 1.0] * 20), np.linspace(0, 1, 40), np.arange(40) // 2
    order = np.random.default_rng(0).permutation(40)
    found = resampled(BinaryScores(target, probability), group, 100)
    again = resampled(BinaryScores(target[order], probability[order]), group[order], 100)
    assert again == {name: pytest.approx(values) for name, values in found.items()}


def test_curves_have_few_points_and_reach_both_ends() -> None:
    random = np.random.default_rng(0)
    target, probability = random.integers(2, size=5000), random.random(5000)
    curve = roc(target, probability)
    assert len(curve["false_positive_rate"]) == 200
    assert (curve["false_positive_rate"][0], curve["true_positive_rate"][-1]) == (0.0, 1.0)
    assert len(precision_recall(target, probability)["recall"]) == 200
    assert calibration(np.array([0, 1, 1, 1]), np.array([0.1, 0.3, 0.7, 0.9]), bins=2) == {
        "predicted": [pytest.approx(0.2), pytest.approx(0.8)],
        "observed": [0.5, 1.0],
    }
