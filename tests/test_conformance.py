"""What every family must do: build, train, save, reload, resume. A new family adds its fixture to FAMILIES."""

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import write_tiny
from pairs import pairs, write_pairs
from points import points
from stages import Stages
from texts import text, write_text
from tiny import tiny

from pipeline.config import Config, InterruptedRunError
from pipeline.models import load_model
from pipeline.storage import RAW
from pipeline.tasks import training_key
from pipeline.training import Checkpoints, EpochRecord, TrainingError, interruption, loop, make_deterministic

pytestmark = pytest.mark.slow


@dataclass(frozen=True)
class Fixture:
    """A family's small configuration and its raw files; its epochs have 19 steps."""

    config: Callable[..., Config]
    write: Callable[[Path], None]
    score: str
    """Its main score."""
    enough: float
    """What six epochs reach of it."""
    everything: dict[str, Any]
    """Settings under which a training has as much to remember as it can."""


LOOP = {
    "train__schedule": "cosine",
    "train__warmup": 0.2,
    "train__weight_decay": 0.01,
    "train__clip_norm": 1.0,
    "train__label_smoothing": 0.1,
    "train__ema": 0.99,
    "train__average_last": 2,
    "train__precision": "bfloat16",
}
TABLE = {
    "model__embedding_dim": "auto",
    "model__numeric_encoding": "periodic",
    "model__batch_norm": True,
    "train__class_weights": "balanced",
    "model__ensemble": 3,
    "model__crosses": "triples",
    "model__target_statistics": True,
}
RMSPROP = {"train__optimizer": "rmsprop", "train__weight_decay": 0.0}
THRESHOLD = {**LOOP, "train__label_smoothing": 0.0, "train__precision": "float32"}


def translation(**changes: Any) -> Config:
    """Return a small network with attention; its 1,636 pairs make 19 batches. All is searched as in validation."""
    small = {"model__embedding_dim": 32, "train__batch_size": 87}
    return pairs(**{**small, "train__decode_sentences": 100, "evaluate__beam": 1, **changes})


def writing(**changes: Any) -> Config:
    """Return a small network that writes; of its scores the one of which more is better decides."""
    return text(**{"train__monitor": "accuracy", **changes})


def windows(**changes: Any) -> Config:
    """Return the original's network and optimizer; its 1,199 windows make 19 batches."""
    return text("char_window", **{"train__monitor": "accuracy", "train__batch_size": 64, **RMSPROP, **changes})


def sides(**changes: Any) -> Config:
    """Return the smallest network of all, on points half of which are above the threshold."""
    return points(**{"data__threshold": 1.0, **changes})


FAMILIES = {
    "table": Fixture(tiny, write_tiny, "auc", 0.7, {**LOOP, **TABLE}),
    "threshold": Fixture(sides, lambda _folder: None, "accuracy", 0.8, THRESHOLD),
    "text": Fixture(writing, write_text, "accuracy", 0.5, {**LOOP, "model__dropout": 0.1, "model__hidden_layers": 2}),
    "text, windows": Fixture(windows, write_text, "accuracy", 0.3, LOOP | RMSPROP),
    "translation": Fixture(
        translation, write_pairs, "bleu", 5.0, {**LOOP, "model__dropout": 0.1, "model__hidden_layers": 2}
    ),
}


@pytest.fixture(params=FAMILIES)
def family(request: pytest.FixtureRequest, workspace: Path) -> Fixture:
    fixture = FAMILIES[request.param]
    fixture.write(RAW)
    Stages(fixture.config()).preprocess()
    return fixture


def key(config: Config) -> str:
    return training_key(Stages(config).fingerprint_inputs())


def train(task: Stages, folder: Path, stop_after: int | None = None) -> tuple[Any, list[EpochRecord]]:
    """Build and train; `stop_after` chunks of steps the training is told to stop."""
    make_deterministic(task.config.seed)
    model = task.build()
    checkpoints = Checkpoints(folder)
    records: list[EpochRecord] = []
    chunks = iter(range(10**9))
    with pytest.MonkeyPatch.context() as patch:
        if stop_after is not None:
            patch.setattr(
                "pipeline.training.interruption.Interruption.reason",
                lambda _self: "told to stop" if next(chunks) >= stop_after else None,
            )
        task.train(model, checkpoints.latest(task.config.train.epochs), checkpoints, records.append)
    return model, records


@dataclass(frozen=True)
class Unbroken:
    """A training that nothing broke off."""

    model: Any
    records: list[EpochRecord]
    folder: Path
    """Its checkpoints; a test that goes on from them does so in a copy."""


Trained = Callable[[Config], Unbroken]


@pytest.fixture(scope="module")
def unbroken(tmp_path_factory: pytest.TempPathFactory) -> Trained:
    """Trains what many tests compare with, once each: making the graphs of a step takes seconds."""
    known: dict[tuple[str, int], Unbroken] = {}

    def trained(config: Config) -> Unbroken:
        name = key(config), config.train.epochs
        if name not in known:
            folder = tmp_path_factory.mktemp("unbroken")
            known[name] = Unbroken(*train(Stages(config), folder), folder)
        return known[name]

    return trained


def weights(model: Any) -> list[np.ndarray]:
    return [np.asarray(weight) for weight in model.weights]


def same(a: list[np.ndarray], b: list[np.ndarray]) -> bool:
    return len(a) == len(b) and all(x.tobytes() == y.tobytes() for x, y in zip(a, b, strict=True))


def scores(records: list[EpochRecord]) -> list[tuple[int, dict[str, float]]]:
    return [(record.epoch, record.scores) for record in records]


def test_training_learns(family: Fixture, unbroken: Trained) -> None:
    records = unbroken(family.config(train__epochs=6)).records
    assert [record.epoch for record in records] == [1, 2, 3, 4, 5, 6]
    assert records[-1].scores["loss"] < records[0].scores["loss"]
    assert max(record.scores[f"val_{family.score}"] for record in records) > family.enough


def test_saved_and_reloaded_it_scores_the_same(family: Fixture, unbroken: Trained, tmp_path: Path) -> None:
    task, whole = Stages(family.config()), unbroken(family.config())
    task.save(whole.model, tmp_path / "m")
    assert same(weights(load_model(tmp_path / "m" / "model.keras")), weights(whole.model))
    evaluation = task.evaluate(tmp_path / "m")
    best = max(record.scores[f"val_{family.score}"] for record in whole.records)
    assert evaluation.scores["val"].values[family.score] == best
    low, high = evaluation.scores["test"].intervals[family.score]
    assert low < evaluation.scores["test"].values[family.score] < high


@pytest.mark.parametrize(
    ("stop_after", "with_everything"), [pytest.param(11, False, marks=pytest.mark.faults), (7, True)]
)
def test_resumed_it_ends_with_the_same_bits(
    family: Fixture,
    unbroken: Trained,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    stop_after: int,
    with_everything: bool,
) -> None:
    """However long its chunks of steps are."""
    config = family.config(**(family.everything if with_everything else {}))
    task, whole = Stages(config), unbroken(config)
    monkeypatch.setattr(loop, "CHUNK_SECONDS", 0.0)  # a step a chunk: 19 steps an epoch
    with pytest.raises(
        InterruptedRunError, match=r"told to stop at epoch \d/3, step \d+/\d+; rerun the same command to resume"
    ):
        train(task, tmp_path / "broken", stop_after)
    started = Checkpoints(tmp_path / "broken").latest(3)
    assert started is not None
    assert started.progress.epoch < 3
    assert started.progress.step > 0
    resumed, records = train(task, tmp_path / "broken")
    assert same(weights(resumed), weights(whole.model))
    assert scores(records) == scores(whole.records)


def test_with_everything_saved_and_reloaded_it_scores_the_same(
    family: Fixture, unbroken: Trained, tmp_path: Path
) -> None:
    config = family.config(**family.everything)
    task, whole = Stages(config), unbroken(config)
    task.save(whole.model, tmp_path / "m")
    found = task.evaluate(tmp_path / "m").scores["val"].values[family.score]
    # Better where the mean of the last epochs was kept.
    assert found >= max(record.scores[f"val_{family.score}"] for record in whole.records)


def test_a_schedule_hangs_on_the_number_of_epochs(family: Fixture) -> None:
    keys = {key(family.config(train__schedule="linear", train__epochs=epochs)) for epochs in (2, 3)}
    assert len(keys) == 2


def test_more_epochs_go_on_from_fewer(family: Fixture, unbroken: Trained, tmp_path: Path) -> None:
    short, long = Stages(family.config(train__epochs=2)), Stages(family.config())
    assert key(short.config) == key(long.config)
    whole = unbroken(long.config)
    _, first = train(short, tmp_path / "parts")
    extended, records = train(long, tmp_path / "parts")
    assert same(weights(extended), weights(whole.model))
    assert scores(records) == scores(whole.records)
    assert records[:2] == first  # the same points of time, too


def test_fewer_epochs_after_more_are_resumed_too(
    family: Fixture, unbroken: Trained, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    short = Stages(family.config(train__epochs=4))
    shutil.copytree(unbroken(family.config(train__epochs=6)).folder, tmp_path / "c")
    assert Checkpoints(tmp_path / "c").latest(4) is None
    monkeypatch.setattr(loop, "CHUNK_SECONDS", 0.0)
    with pytest.raises(InterruptedRunError):
        train(short, tmp_path / "c", stop_after=45)  # in the third epoch
    started = Checkpoints(tmp_path / "c").latest(4)
    assert started is not None
    assert started.progress.epoch == 2


def test_a_stage_whose_dvc_is_gone_stops(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DVC_STAGE", "train")
    assert interruption.Interruption().reason() is None
    monkeypatch.setattr(interruption, "PARENT_PID", -1)  # as noted when the command began
    assert interruption.Interruption().reason() == "the process that started this one has ended"
    monkeypatch.delenv("DVC_STAGE")
    assert interruption.Interruption().reason() is None


def test_a_damaged_checkpoint_is_named_and_the_one_before_it_serves(
    family: Fixture, unbroken: Trained, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    whole = unbroken(family.config())
    shutil.copytree(whole.folder, tmp_path / "c")
    newest = sorted((tmp_path / "c").glob("*.npz"))[-1]
    content = bytearray(newest.read_bytes())
    content[len(content) // 2] ^= 0xFF
    newest.write_bytes(content)
    again, records = train(Stages(family.config()), tmp_path / "c")
    assert f"skipping corrupt checkpoint {newest.name}" in capsys.readouterr().out
    assert same(weights(again), weights(whole.model))
    assert len(records) == 3


def test_another_setting_is_another_training(family: Fixture) -> None:
    keys = {
        key(family.config(**c)) for c in ({}, {"seed": 2}, {"train__batch_size": 32}, {"evaluate__confidence": 0.9})
    }
    assert len(keys) == 3  # what evaluates does not train


def test_the_network_kept_is_the_best(family: Fixture, tmp_path: Path) -> None:
    task = Stages(family.config(train__epochs=8, train__patience=2, train__learning_rate=0.3))
    model, records = train(task, tmp_path / "c")
    found = [record.scores[f"val_{family.score}"] for record in records]
    task.save(model, tmp_path / "m")
    assert task.evaluate(tmp_path / "m").scores["val"].values[family.score] == max(found)
    assert max(found) > found[-1]
    assert len(records) == min(8, found.index(max(found)) + 1 + 2)


def test_a_loss_that_is_no_number_stops_at_once(family: Fixture, tmp_path: Path) -> None:
    task = Stages(family.config())
    model = task.build()
    model.weights[-1].assign(model.weights[-1] * np.nan)
    with pytest.raises(
        TrainingError, match=r"not finite at epoch 1, step 1 of \d+.*; the largest weight is inf, in .*\. Lower"
    ):
        task.train(model, None, Checkpoints(tmp_path / "c"), lambda _record: None)
    assert not list((tmp_path / "c").glob("*.npz"))
