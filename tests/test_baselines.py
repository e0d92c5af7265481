"""Simple models on the same rows; what they are given is what the network is given."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from conftest import write_tiny
from stages import Stages
from tiny import tiny

from pipeline.families.table import baseline as table_baselines
from pipeline.families.table.data.arrays import Arrays
from pipeline.families.table.data.training_rows import rows_of_folds
from pipeline.families.table.metrics.binary import BinaryScores, binary_scores
from pipeline.storage import PROCESSED, RAW, new_file
from pipeline.tasks import Evaluation, Scores
from pipeline.tasks.rivals import ARRAYS, SAMPLES, VALIDATION, better_model, better_together


def arrays(codes: Any, numbers: Any, target: Any) -> Arrays:
    rows = np.arange(len(target))
    return Arrays(codes, numbers, target, rows.astype("int32"), rows.astype("int8"), rows)


def test_one_hot_rows_by_hand() -> None:
    codes = np.array([[0, 1], [2, 0]], dtype="int32")
    numbers = np.array([[0.5], [np.nan]], dtype="float32")
    nothing = np.zeros(2, dtype="float32")
    encoded = table_baselines.one_hot(arrays(codes, numbers, nothing), [3, 2])
    assert encoded.toarray().tolist() == [[1, 0, 0, 0, 1, 0.5, 0], [0, 0, 1, 1, 0, 0, 1]]


def test_every_baseline_scores_the_test_rows(workspace: Path) -> None:
    write_tiny(RAW)
    task = Stages(tiny())
    task.preprocess()
    scores = {name: found.values["auc"] for name, found in task.baselines()}
    assert scores["constant"] == 0.5
    assert scores["linear"] > 0.75  # the target is logistic in colour, price and town
    assert scores["lightgbm"] > 0.7
    assert scores == {name: found.values["auc"] for name, found in task.baselines()}


def test_a_better_baseline_is_said_with_what_to_try(workspace: Path) -> None:
    write_tiny(RAW)
    task = Stages(tiny())
    task.preprocess()
    scores = {name: found.samples["auc"] for name, found in task.baselines()}
    with new_file(ARRAYS) as stream:
        np.savez(stream, **{f"{SAMPLES}{name}": samples for name, samples in scores.items()})
    evaluating = task.config.family.load("evaluation")(task.config)

    def said(network: Any) -> str:
        found = Scores({"auc": float(network.mean())}, {}, {"auc": network})
        return better_model(evaluating, Evaluation({"test": found}, {}, {}))

    line = said(scores["constant"])
    gain = np.mean(scores["linear"] - 0.5)
    assert line.startswith(f"linear is better than this network: auc by {gain:.4f} (")
    assert "; try `dvc exp run -S experiment=tiny -S model.numeric_encoding=piecewise` or `dvc exp run " in line
    assert "or `python -m pipeline.train --multirun +sweep=table experiment=tiny`" in line
    assert said(scores["linear"]) == ""
    # As good on average, and better only by chance.
    assert said(scores["linear"] - np.random.default_rng(0).normal(0, 0.02, len(scores["linear"]))) == ""
    assert said(scores["constant"][:-1]) == ""  # other samples, which cannot be compared


@pytest.mark.parametrize("folds", [1, 2])
def test_gradient_boosting_predicts_the_validation_rows(workspace: Path, folds: int) -> None:
    write_tiny(RAW)
    task = Stages(tiny(data__folds=folds))
    task.preprocess()
    baselines = task.config.family.load("baseline")(task.config)
    assert [name for name, _ in baselines.scores()] == ["constant", "linear", "lightgbm"]
    rows = rows_of_folds() if folds > 1 else Arrays.load(PROCESSED / "val")
    (outputs,) = baselines.validation_outputs.values()
    # Better than chance on rows that the model of their fold was not fitted on.
    assert binary_scores(rows.target, outputs[:, 0])["auc"] > 0.65


def test_a_mean_of_two_models_is_named_if_it_is_better_than_both(workspace: Path) -> None:
    task, random = Stages(tiny()), np.random.default_rng(0)
    write_tiny(RAW)
    task.preprocess()
    evaluating = task.config.family.load("evaluation")(task.config)
    target = random.integers(0, 2, 2000)

    def outputs(noise: float) -> Any:
        return 1 / (1 + np.exp(-(target - 0.5 + random.normal(0, noise, len(target)))[:, None]))

    def score(output: Any) -> Scores:
        return Scores.resampled(BinaryScores(target, output[:, 0]), np.arange(len(target)), task.config.evaluate)

    def said(network: Any, boosting: Any) -> str:
        with new_file(ARRAYS) as stream:
            np.savez(stream, **{f"{VALIDATION}lightgbm": boosting})
        found = Evaluation({"val": score(network)}, {}, {}, validation_outputs=network, score_validation=score)
        return better_together(evaluating, found)

    one, other = outputs(1.0), outputs(1.0)  # equally good, with errors of their own
    values = [score(output).values["auc"] for output in ((one + other) / 2, other, one)]
    assert said(one, other) == (
        "the mean of this network's outputs and lightgbm's would be better than either: on the validation rows, "
        "auc {:.4f}; lightgbm {:.4f}, this network {:.4f}".format(*values)
    )
    assert said(one, one) == ""
    assert said(one, outputs(20.0)) == ""  # the mean is worse than the network
    assert said(one, other[:-1]) == ""  # other rows


def test_without_lightgbm_the_others_remain(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _name: None)
    assert set(table_baselines.available()) == {"constant", "linear"}
    assert "skipping lightgbm, which is not installed" in capsys.readouterr().out


def test_columns_of_one_kind_are_enough() -> None:
    nothing = np.zeros((4, 0))
    target = np.array([0, 1, 0, 1], dtype="float32")
    codes = arrays(np.array([[0], [1], [0], [1]], dtype="int32"), nothing, target)
    numbers = arrays(nothing.astype("int32"), target[:, None], target)
    for rows, sizes in ((codes, [2]), (numbers, [])):
        splits = dict.fromkeys(("train", "val", "test"), rows)
        schema = SimpleNamespace(
            kind="binary", classes=["0", "1"], cardinalities=sizes, target_mean=0.0, target_std=1.0
        )
        probability = table_baselines.linear(splits, schema)["test"]  # type: ignore[arg-type]
        assert (probability[:, 0] > 0.5).tolist() == [False, True, False, True]
