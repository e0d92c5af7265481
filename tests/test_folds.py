"""Cross-validation by groups: who learns from what, what of it is kept, and what a crash leaves."""

import shutil
from itertools import count
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from conftest import write_tiny
from mlflow import MlflowClient
from mlflow.entities import Run
from stages import Stages
from test_config import faults
from tiny import tiny

from pipeline.config import InterruptedRunError
from pipeline.data import DataError
from pipeline.data.splits import fold_groups, split_groups
from pipeline.exporting import write_bundle
from pipeline.families.table.data.arrays import Arrays
from pipeline.families.table.data.crossing import read_crosses
from pipeline.families.table.data.training_rows import rows_of_fold, rows_of_folds
from pipeline.families.table.metrics.binary import BinaryScores
from pipeline.families.table.models.outputs import inputs_with, outputs
from pipeline.models import load_model, members_of
from pipeline.portable import bundle
from pipeline.storage import MODELS, PROCESSED, RAW
from pipeline.tasks import TaskError, predictor_for, require_trained_model
from pipeline.tasks.task import MODEL
from pipeline.tracking.tags import FOLD
from pipeline.train import train
from pipeline.training import EpochRecord, mean_history

pytestmark = pytest.mark.slow

FOLDS = 3
EVERYTHING = {
    "data__min_count": 90,
    "model__crosses": "pairs",
    "model__cross_min_count": 20,
    "model__target_statistics": True,
    "train__ensemble_size": 2,
}


def folded(**changes: Any) -> Any:
    return Stages(tiny(**{"data__folds": FOLDS, "train__epochs": 2, **EVERYTHING, **changes}))


@pytest.fixture(scope="module")
def trained_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("folds")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setenv("DVC_ROOT", str(folder))
        write_tiny(RAW)
        task = folded()
        task.preprocess()
        train(task.config)
    return folder


@pytest.fixture
def trained(trained_once: Path, workspace: Path) -> Path:
    """A folder of its own with a network of folds, and everything that it was made with."""
    shutil.copytree(trained_once, workspace, dirs_exist_ok=True)
    return workspace


def runs(root: Path) -> tuple[MlflowClient, Run, list[Run]]:
    """Return the whole training's run, and those of its folds."""
    client = MlflowClient(f"sqlite:///{root / 'mlflow.db'}")
    (experiment,) = [each for each in client.search_experiments() if each.name == "tiny"]
    found = client.search_runs([experiment.experiment_id])
    (parent,) = [run for run in found if FOLD not in run.data.tags]
    children = sorted((run for run in found if run is not parent), key=lambda run: run.data.tags[FOLD])
    assert all(run.data.tags["mlflow.parentRunId"] == parent.info.run_id for run in children)
    return client, parent, children


def metrics(client: MlflowClient, run: Run, name: str) -> list[tuple[int, float]]:
    return [(point.step, point.value) for point in client.get_metric_history(run.info.run_id, name)]


def networks() -> list[keras.Model]:
    found = members_of(load_model(MODELS / MODEL))
    assert [network.name for network in found] == [f"fold_{number}" for number in range(1, FOLDS + 1)]
    return found


def test_the_same_groups_are_tested_as_without_folds() -> None:
    without = split_groups(50, 0.2, 0.1, seed=3)
    drawn, fold = fold_groups(50, 0.2, 5, seed=3)
    assert ((drawn == 2) == (without == 2)).all()
    assert ((fold == -1) == (drawn == 2)).all()
    assert ((fold == 0) == (drawn == 1)).all()
    assert np.bincount(fold[fold >= 0]).tolist() == [8] * 5


def test_folds_share_no_group_and_hold_every_row(trained: Path) -> None:
    rows, test = rows_of_folds(), Arrays.load(PROCESSED / "test")
    pairs = set(zip(rows.group.tolist(), rows.fold.tolist(), strict=True))
    assert len(pairs) == len({group for group, _ in pairs})
    assert {fold for _, fold in pairs} == set(range(FOLDS))
    assert not set(test.group.tolist()) & {group for group, _ in pairs}
    # Every row of the file but each fiftieth, which has no target.
    assert sorted([*rows.row.tolist(), *test.row.tolist()]) == [row for row in range(2000) if row % 50]


def test_each_row_is_predicted_by_the_network_that_did_not_learn_from_it(trained: Path) -> None:
    evaluation = folded().evaluate(MODELS)
    rows, found = rows_of_folds(), evaluation.predictions["val"]
    probability = found["probability"].to_numpy()
    assert found["row"].to_pylist() == (rows.row + 1).tolist()
    assert found["fold"].to_pylist() == (rows.fold + 1).tolist()
    assert evaluation.scores["val"].values["auc"] == BinaryScores(rows.target, probability)(np.ones(len(rows)))["auc"]
    assert evaluation.scores["val"].values["auc"] > 0.65
    client, parent, children = runs(trained)
    assert [run.info.status for run in (parent, *children)] == ["FINISHED"] * (1 + FOLDS)
    for number, child in enumerate(children):
        held = rows.fold == number
        score = BinaryScores(rows.target[held], probability[held])(np.ones(int(held.sum())))["auc"]
        # What its own training saw, where codes that it did not know were told as unknown ones.
        assert score == pytest.approx(max(value for _, value in metrics(client, child, "val/auc")), abs=1e-6)
    means = np.mean([[value for _, value in metrics(client, child, "val/auc")] for child in children], axis=0)
    assert [value for _, value in metrics(client, parent, "val/auc")] == pytest.approx(means.tolist())
    assert (trained / MODELS / "history.csv").read_text(encoding="utf-8").startswith("epoch,loss,val_")


def test_the_outputs_of_the_folds_are_averaged_for_new_rows(trained: Path, tmp_path: Path) -> None:
    test = folded().evaluate(MODELS).predictions["test"]
    assert "fold" not in test.column_names
    inputs = inputs_with(read_crosses(MODELS), Arrays.load(PROCESSED / "test"))
    each = [outputs(network, inputs)[:, 0] for network in networks()]
    np.testing.assert_allclose(test["probability"].to_numpy(), np.mean(each, axis=0), atol=1e-6)
    assert not np.allclose(each[0], each[1], atol=1e-3)
    predictor = predictor_for(MODELS)
    rows = predictor.example(PROCESSED)
    (tmp_path / "bundle").mkdir()
    write_bundle(predictor.bundle(), tmp_path / "bundle")
    np.testing.assert_allclose(
        bundle.load(tmp_path / "bundle")(rows), predictor.bundle_example(rows)["output"], atol=1e-6
    )


def test_what_a_fold_did_not_see_is_unknown_to_its_network(trained: Path) -> None:
    task, rows = folded(), rows_of_folds()
    named = len(task.schema.categorical)
    several = 0
    for fold, (part, network) in enumerate(zip(task.folds(), networks(), strict=True)):
        unseen = part.rows.unseen
        for column, codes in enumerate(unseen[:named]):
            counted = np.bincount(rows.categorical[rows.fold != fold, column], minlength=task.cardinalities[column])
            assert codes.tolist() == [code for code in range(1, task.cardinalities[column]) if counted[code] < 90]
        for column, unknown in enumerate(unseen):
            for code in unknown[:3]:
                codes = np.zeros((2, len(task.cardinalities)), np.int32)
                codes[1, column] = code
                given = {"categorical": codes, "numeric": np.zeros((2, len(task.schema.numeric)), np.float32)}
                first, second = network.predict_on_batch(given)
                assert first == second
                several += column < named
    assert several


def test_no_answer_of_a_fold_reaches_what_its_network_is_told(trained: Path) -> None:
    def told(fold: int) -> Any:
        part = folded().folds()[fold]
        return part.rows, part.statistics

    before, others = told(1), told(0)
    for split in ("train", "val"):
        target, fold = (np.load(PROCESSED / split / f"{name}.npy") for name in ("target", "fold"))
        np.save(PROCESSED / split / "target.npy", np.where(fold == 1, 1 - target, target).astype(np.float32))
    after = told(1)
    assert (after[0].validated.target == 1 - before[0].validated.target).all()
    assert (after[0].learned.target == before[0].learned.target).all()
    assert after[1].tables.tobytes() == before[1].tables.tobytes()
    assert after[1].rows.tobytes() == before[1].rows.tobytes()
    assert told(0)[1].tables.tobytes() != others[1].tables.tobytes()


def test_broken_off_it_goes_on_with_the_fold_and_ends_with_the_same_bits(
    trained: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    whole, history = (MODELS / MODEL).read_bytes(), (MODELS / "history.csv").read_bytes()
    client, _, children = runs(trained)
    scores = [metrics(client, run, "val/auc") for run in children]
    again = trained / "again"
    again.mkdir()
    monkeypatch.setenv("DVC_ROOT", str(again))
    steps = count()
    with monkeypatch.context() as patch:
        patch.setattr("pipeline.training.loop.CHUNK_SECONDS", 0.0)  # a step a chunk: 17 steps an epoch
        patch.setattr(
            "pipeline.training.interruption.Interruption.reason",
            lambda _self: "told to stop" if next(steps) > 40 else None,
        )
        with pytest.raises(InterruptedRunError):
            train(folded().config)
    _, parent, children = runs(again)
    assert [run.info.status for run in (parent, *children)] == ["KILLED", "FINISHED", "KILLED"]
    capsys.readouterr()
    train(folded().config)
    said = capsys.readouterr().out
    assert f"fold 1/3: resuming run {children[0].info.run_id} at epoch 2/2: already trained" in said
    assert f"fold 2/3: resuming run {children[1].info.run_id} at epoch" in said
    assert "fold 3/3: run " in said
    assert (MODELS / MODEL).read_bytes() == whole
    assert (MODELS / "history.csv").read_bytes() == history
    client, same, children = runs(again)
    assert same.info.run_id == parent.info.run_id
    assert [metrics(client, run, "val/auc") for run in children] == scores


@pytest.mark.faults
def test_a_finished_fold_whose_checkpoints_are_gone_is_trained_again_in_a_run_of_its_own(
    trained: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (checkpoints,) = (trained / ".checkpoints").glob("*/fold_2")
    shutil.rmtree(checkpoints)
    whole = (MODELS / MODEL).read_bytes()
    client, parent, children = runs(trained)
    before = metrics(client, parent, "val/auc")
    train(folded().config)
    assert (MODELS / MODEL).read_bytes() == whole
    found = client.search_runs([parent.info.experiment_id])
    assert len(found) == 2 * (1 + FOLDS)
    assert metrics(client, parent, "val/auc") == before
    values = [metrics(client, child, "val/auc") for child in children]
    shown = ", ".join(f"{max(value for _, value in each):.4f}" for each in values)
    assert f"folds: val_auc {shown}; mean 0." in capsys.readouterr().out


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param(
            {
                "data__target": "price",
                "data__numeric": ["shop_size"],
                "model__numeric_encoding": "none",
                "data__min_count": 20,
            },
            marks=pytest.mark.faults,
        ),
        {
            "data__target": "colour",
            "data__categorical": ["shop"],
            "data__problem_type": "multiclass",
            "model__numeric_encoding": "bin",
            "model__hidden_layers": 0,
            "model__target_statistics": False,
            "train__ensemble_size": 1,
            "train__patience": 1,
        },
        {"data__categorical": [], "data__calendar": [], "model__crosses": "none", "model__target_statistics": False},
    ],
)
def test_every_kind_of_target_and_column(store: Path, changes: dict[str, Any]) -> None:
    write_tiny(RAW)
    task = folded(**{"data__folds": 2, "data__min_count": 10, **changes})
    task.preprocess()
    train(task.config)
    evaluation = Stages(task.config).evaluate(MODELS)
    rows, name = rows_of_folds(), task.headline
    client, _, children = runs(store)
    best = min if task.schema.kind == "regression" else max
    output = np.stack(
        [evaluation.predictions["val"][column.name] for column in task.kind.columns() if column.is_number], 1
    )
    for fold, child in enumerate(children):
        held = rows[rows.fold == fold]
        score = task.kind.score(held.target, output[rows.fold == fold])(np.ones(len(held)))[name]
        assert score == pytest.approx(best(value for _, value in metrics(client, child, f"val/{name}")), rel=1e-5)
    predictor = predictor_for(MODELS)
    example = predictor.example(PROCESSED)
    assert len(predictor.bundle_example(example)["output"]) == len(example)


def test_a_number_that_a_fold_did_not_see_is_unknown_to_its_network() -> None:
    codes, target = np.ones((6, 1), np.int32), np.zeros(6, np.float32)
    numeric = np.array([[1.5], [1.5], [2.5], [2.5], [1.5], [9.0]], np.float32)
    fold = np.array([0, 1, 0, 0, 1, 1], np.int8)
    rows = Arrays(codes, numeric, target, np.arange(6, dtype=np.int32), fold, np.arange(6))
    found = rows_of_fold(rows, 0, [], [2], [1], [([1.5, 2.5], 2)])
    assert [each.tolist() for each in found.unseen or []] == [[], [2]]
    np.testing.assert_array_equal(found.learned.numeric[:, 0], np.array([1.5, 1.5, 9.0], np.float32))
    np.testing.assert_array_equal(found.validated.numeric[:, 0], np.array([1.5, np.nan, np.nan], np.float32))


def test_the_mean_of_histories_keeps_those_that_ended() -> None:
    histories = [
        [EpochRecord(epoch, {"loss": loss}, 10 * epoch) for epoch, loss in enumerate(losses, 1)]
        for losses in ([4.0, 2.0], [2.0, 1.0, 3.0])
    ]
    assert [(each.epoch, each.scores["loss"], each.timestamp) for each in mean_history(histories)] == [
        (1, 3.0, 10),
        (2, 1.5, 20),
        (3, 2.5, 30),
    ]


def test_baselines_have_the_same_folds(trained: Path) -> None:
    scores = {name: found.values["auc"] for name, found in folded().baselines()}
    assert scores["constant"] == 0.5
    assert scores["linear"] > 0.75


def test_too_few_groups_are_told(workspace: Path) -> None:
    write_tiny(RAW)
    with pytest.raises(DataError, match=r"data.folds: 40 folds of 24 groups, plus 6 for the test split"):
        folded(data__folds=40).preprocess()


def test_a_fold_of_one_class_is_told(workspace: Path) -> None:
    write_tiny(RAW)
    lines = (RAW / "rows.csv").read_text(encoding="utf-8").splitlines()
    # Of each day one answer: a fold of few days has one alone.
    alike = [line.rpartition(",")[0] + (",yes" if line[8:10] != "05" else ",no") for line in lines[1:]]
    (RAW / "rows.csv").write_text("\n".join([lines[0], *alike]), encoding="utf-8")
    with pytest.raises(DataError, match=r"column 'sold': all (train|fold \d|test) rows are of one class"):
        folded(data__split_seed=2).preprocess()


def test_what_folds_contradict_is_told_before_anything_runs(trained: Path) -> None:
    assert faults("data.folds=5", "data.split=time", "data.split_by=[month]") == [
        "data.folds: split=time fixes the validation rows, but 5 folds are drawn at random; set folds to 1, or split "
        "to group or random"
    ]
    with pytest.raises(TaskError, match=r"train.save_every: 1 keeps networks of single epochs"):
        folded(train__save_every=1).check()
    for other in (folded(data__folds=1), folded(data__split_seed=2)):
        with pytest.raises(TaskError, match=r"models: this network was trained on data prepared with other settings"):
            require_trained_model(MODELS, other.config)
    require_trained_model(MODELS, folded().config)
