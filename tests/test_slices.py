"""Parts of the test examples, the costs of errors, and the comparison of two networks on the same examples."""

from typing import Any

import numpy as np
import pytest
from sacrebleu.metrics.bleu import BLEU
from sacrebleu.significance import PairedTest

from pipeline.families.table.metrics.binary import BinaryScores
from pipeline.families.table.metrics.thresholds import Costs, threshold_curve
from pipeline.families.translation.metrics.scores import TranslationScores
from pipeline.metrics import (
    IncomparableError,
    TestScores,
    by_category,
    by_number,
    difference,
    resampled,
    score_slices,
    slice_differences,
)
from pipeline.metrics.slices import MISSING, MOST_SLICES, OTHER

RANDOM = np.random.default_rng(0)
TARGET = RANDOM.integers(0, 2, 3000)
GROUPS = np.arange(3000) // 3


def probability(noise: float) -> Any:
    return 1 / (1 + np.exp(-(TARGET - 0.5 + RANDOM.normal(0, noise, len(TARGET)))))


def scored(output: Any, digest: str = "rows", slices: Any = ()) -> TestScores:
    score = BinaryScores(TARGET, output)
    samples = resampled(score, GROUPS, 400)
    return TestScores(digest, len(TARGET), 1000, "auc", True, score(np.ones(len(TARGET))), samples, slices)


def test_the_most_frequent_categories_are_slices_of_their_own() -> None:
    codes = np.repeat(np.arange(20), np.arange(1, 21))
    slicing = by_category("shop", codes, [f"s{code}" for code in range(20)])
    assert slicing.names == [*(f"s{code}" for code in range(19, 19 - MOST_SLICES + 1, -1)), OTHER]
    assert (slicing.member[codes == 19] == 0).all()
    assert (slicing.member[codes < 11] == MOST_SLICES - 1).all()
    assert by_category("shop", np.array([1, 1, 2]), ["a", "b", "c"]).names == ["b", "c"]


def test_numbers_are_cut_into_equal_parts_and_missing_ones() -> None:
    slicing = by_number("price", np.array([*range(1, 101), np.nan, np.nan], float))
    assert slicing.names == ["1 … 25", "25 … 50", "50 … 75", "75 … 100", MISSING]
    assert np.bincount(slicing.member).tolist() == [25, 25, 25, 25, 2]
    assert by_number("price", np.ones(5)).names == ["1"]
    assert by_number("price", np.full(3, np.nan)).names == [MISSING]


def test_a_slice_is_scored_as_its_examples_alone() -> None:
    output = probability(2.0)
    part = by_category("half", (np.arange(3000) >= 2000).astype(int), ["first", "second"])
    slices = score_slices([part], lambda mask: BinaryScores(TARGET[mask], output[mask]), GROUPS, "auc", 0.95)
    assert [(each.name, each.examples) for each in slices] == [("first", 2000), ("second", 1000)]
    alone = BinaryScores(TARGET[:2000], output[:2000])(np.ones(2000))["auc"]
    assert slices[0].value == pytest.approx(alone)
    assert slices[0].low < alone < slices[0].high
    # Too few examples say nothing.
    rare = by_category("rare", (np.arange(3000) < 5).astype(int), ["most", "few"])
    assert len(score_slices([rare], lambda mask: BinaryScores(TARGET[mask], output[mask]), GROUPS, "auc", 0.95)) == 1


@pytest.mark.parametrize("costs", [Costs(1, 1), Costs(1, 10), Costs(5, 1), Costs(0, 1), Costs(1, 0)])
def test_no_threshold_costs_less_than_the_chosen_one(costs: Costs) -> None:
    output = probability(1.5)
    best = costs.per_row(TARGET, output, costs.best_threshold(TARGET, output))
    curve = threshold_curve(TARGET, output, costs)
    assert best <= min(curve["cost"]) + 1e-12
    assert best <= min(costs.per_row(TARGET, output, each) for each in output[:500])
    # Of all rows as positive, and of none.
    assert curve["cost"][0] == pytest.approx(costs.false_positive * np.mean(TARGET == 0))
    assert curve["true_positive_rate"][0] == curve["false_positive_rate"][0] == 1
    middle = curve["threshold"].index(0.5)
    assert curve["precision"][middle] == pytest.approx(TARGET[output >= 0.5].mean())


def test_a_better_network_is_told_from_one_that_is_as_good() -> None:
    good, as_good, bad = (scored(probability(noise)) for noise in (1.0, 1.0, 3.0))
    assert difference(bad, good, 0.95).verdict == "better"
    assert difference(good, bad, 0.95).verdict == "worse"
    same = difference(good, as_good, 0.95)
    assert same.verdict == "cannot be told apart"
    assert same.low < 0 < same.high
    assert same.gain == pytest.approx(as_good.values["auc"] - good.values["auc"])
    # The interval of the difference is narrower than those of the scores suggest, as the rows are the same.
    near = scored(np.clip(probability(1.0) + 0.0, 0, 1))
    assert difference(near, near, 0.95).high == 0
    assert difference(good, good, 0.95).needed is None


def test_the_number_of_examples_that_would_tell_follows_from_the_interval() -> None:
    samples = np.linspace(-0.02, 0.04, 1001)  # at 95%: from -.0185 to .0385 around .01
    one, other = (
        TestScores("t", 500, 500, "auc", True, {"auc": value}, {"auc": each})
        for value, each in ((0.7, np.zeros(1001)), (0.71, samples))
    )
    gain = difference(one, other, 0.95)
    assert (round(gain.low, 4), round(gain.high, 4), gain.verdict) == (-0.0185, 0.0385, "cannot be told apart")
    assert gain.needed == round(500 * (0.0285 / 0.01) ** 2)
    assert difference(one, TestScores("t", 500, 500, "auc", True, {"auc": 0.7}, {"auc": samples}), 0.95).needed is None


def test_lower_scores_are_better_where_they_are() -> None:
    losses = {name: np.full(100, value) for name, value in (("a", 0.5), ("b", 0.4))}
    a, b = (TestScores("t", 9, 9, "loss", False, {"loss": v[0]}, {"loss": v}) for v in losses.values())
    gain = difference(a, b, 0.95)
    assert (gain.verdict, round(gain.gain, 6)) == ("better", 0.1)


def test_other_examples_and_other_scores_are_refused() -> None:
    one, other = scored(probability(1.0)), scored(probability(1.0), "other rows")
    with pytest.raises(IncomparableError, match=r"different test examples \(3,000 and 3,000\)"):
        difference(one, other, 0.95)
    with pytest.raises(IncomparableError, match="auc and loss"):
        difference(one, TestScores("rows", 9, 9, "loss", False, {}, {}), 0.95)


def test_scores_come_back_from_their_file() -> None:
    output = probability(1.0)
    part = by_category("half", (np.arange(3000) >= 2000).astype(int), ["first", "second"])
    slices = score_slices([part], lambda mask: BinaryScores(TARGET[mask], output[mask]), GROUPS, "auc", 0.95)
    kept = scored(output, slices=slices)
    content = kept.to_bytes()
    assert content == kept.to_bytes()  # the same scores are the same file
    found = TestScores.from_bytes(content)
    assert (found.digest, found.values, found.headline) == (kept.digest, kept.values, "auc")
    assert (found.samples["auc"] == kept.samples["auc"]).all()
    assert [each.row for each in found.slices] == [each.row for each in slices]
    assert {gain.verdict for _, gain in slice_differences(kept, found, 0.95)} == {"cannot be told apart"}


def test_two_translations_are_compared_as_by_sacrebleu() -> None:
    """The paired bootstrap of sacrebleu gives the same interval of the difference, within the noise of resampling."""
    random = np.random.default_rng(1)
    words = [f"w{number}" for number in range(50)]
    references = [" ".join(random.choice(words, 8)) for _ in range(300)]

    def garbled(share: float) -> list[str]:
        return [
            " ".join(word if random.random() > share else str(random.choice(words)) for word in line.split())
            for line in references
        ]

    systems = garbled(0.3), garbled(0.32)
    kept = []
    for lines in systems:
        score = TranslationScores(lines, references, "none")
        samples = resampled(score, np.arange(300), 1000)
        kept.append(TestScores("t", 300, 300, "bleu", True, score(np.ones(300)), samples))
    gain = difference(kept[1], kept[0], 0.95)
    bleu = BLEU(tokenize="none", force=True, references=[references])
    test = PairedTest(
        [("b", systems[1]), ("a", systems[0])], {"BLEU": bleu}, references=None, test_type="bs", n_samples=1000
    )
    _, scores = test()
    baseline, system = scores["BLEU"]
    assert gain.gain == pytest.approx(system.score - baseline.score)
    # sacrebleu's p-value: how often a difference as large occurs if there is none.
    assert (system.p_value < 0.05) == (gain.verdict != "cannot be told apart")
