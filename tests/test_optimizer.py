"""Row-sparse Adam against Keras' dense one; a step whose loss is no number."""

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from tiny import mlp, train_settings

from pipeline.families.table.metrics.regression import Regression
from pipeline.families.table.models.embedding_mlp import Features, embedding_mlp
from pipeline.training import ArrayExamples, Checkpoints, Objective, Training, TrainingError
from pipeline.training.averaging import WeightAverage
from pipeline.training.optimizer import LearningRate, RowSparseAdam


def moved(optimizer: Any, batches: list[list[int]], *, dense: bool) -> np.ndarray:
    """Return a table of 6 rows after a step a batch; the gradient of a row hangs on where in the batch it stands."""
    table = keras.Variable(np.linspace(-1, 1, 18).reshape(6, 3).astype("float32"), name="kernel")
    optimizer.build([table])
    for number, rows in enumerate(batches):
        values = np.random.default_rng(number).normal(size=(len(rows), 3)).astype("float32")
        gradient: Any = tf.IndexedSlices(tf.constant(values), tf.constant(rows), tf.constant([6, 3]))
        optimizer.apply([tf.convert_to_tensor(gradient) if dense else gradient], [table])
    found: np.ndarray = np.asarray(table)
    return found


def test_rows_of_every_batch_move_as_under_adam() -> None:
    batches = [[0, 2, 2, 5], [5, 0, 2, 0], [2, 5, 5, 0, 0]]
    sparse = moved(RowSparseAdam(0.1, lazy=True), batches, dense=False)
    dense = moved(keras.optimizers.Adam(0.1), batches, dense=True)
    np.testing.assert_allclose(sparse, dense, rtol=1e-6, atol=1e-7)


def test_rows_that_no_batch_has_rest() -> None:
    before = np.linspace(-1, 1, 18).reshape(6, 3).astype("float32")
    after = moved(RowSparseAdam(0.1, lazy=True), [[0, 1], [1, 1]], dense=False)
    assert np.array_equal(after[2:], before[2:])
    once = moved(RowSparseAdam(0.1, lazy=True), [[0, 1]], dense=False)
    assert np.array_equal(after[0], once[0])  # Adam would go on moving it
    assert np.abs(after[1] - once[1]).min() > 0


def test_weight_decay_is_that_of_adamw_on_rows_of_every_batch() -> None:
    batches = [[0, 2, 2, 5], [5, 0, 2, 0]]
    sparse = moved(RowSparseAdam(0.1, decay=0.5, lazy=True), batches, dense=False)
    dense = moved(RowSparseAdam(0.1, decay=0.5, lazy=True), batches, dense=True)
    keras_own = moved(keras.optimizers.AdamW(0.1, weight_decay=0.5), batches, dense=True)
    np.testing.assert_allclose(dense, keras_own, atol=5e-6)
    np.testing.assert_allclose(sparse[[0, 2, 5]], dense[[0, 2, 5]], atol=5e-6)
    assert np.array_equal(sparse[1], np.linspace(-1, 1, 18).reshape(6, 3).astype("float32")[1])  # rests


@pytest.mark.parametrize(("name", "shape"), [("bias", (3,)), ("bias", (2, 3)), ("frequency", (2, 3))])
def test_biases_and_frequencies_do_not_decay(name: str, shape: tuple[int, ...]) -> None:
    weight = keras.Variable(np.ones(shape, "float32"), name=name)
    optimizer = RowSparseAdam(0.1, decay=0.5, lazy=True)
    optimizer.build([weight])
    optimizer.apply([tf.zeros(shape)], [weight])
    assert np.asarray(weight).tolist() == np.ones(shape).tolist()


@pytest.mark.parametrize(
    ("shape", "rates"),
    [
        ("constant", [0.5, 1, 1, 1, 1, 1]),
        ("linear", [0.5, 1, 1, 0.75, 0.5, 0.25]),
        ("cosine", [0.5, 1, 1, 0.85355, 0.5, 0.14645]),
        ("inverse_sqrt", [0.5, 1, 0.81650, 0.70711, 0.63246, 0.57735]),
    ],
)
def test_a_learning_rate_rises_and_falls(shape: str, rates: list[float]) -> None:
    schedule = LearningRate(2.0, shape, warmup=2, steps=6)
    assert [float(schedule(step)) for step in range(6)] == pytest.approx([2 * rate for rate in rates], abs=1e-5)


def test_rows_that_do_not_rest_move_as_under_adam() -> None:
    batches = [[0, 2, 2, 5], [1, 0], [4]]
    found = moved(RowSparseAdam(0.1), batches, dense=False)
    np.testing.assert_allclose(found, moved(keras.optimizers.Adam(0.1), batches, dense=True), atol=5e-6)


def test_a_moving_average_forgets_its_beginning_and_gives_the_weights_back() -> None:
    weight = keras.Variable(np.zeros(1, "float32"))
    average = WeightAverage([weight], 0.9)
    expected = 0.0
    for step in range(1, 200):
        weight.assign([float(step)])
        average.update(step)
        expected += (1 - min(0.9, (1 + step) / (10 + step))) * (step - expected)
    with average.in_place():
        assert float(weight.numpy()[0]) == pytest.approx(expected, rel=1e-4)
    assert weight.numpy().tolist() == [199]
    assert 189 < expected < 191  # a line is followed 1 / (1 - .9) steps late, less one


@pytest.mark.parametrize("shape", [(3,), (2, 3)])
def test_other_weights_are_keras_own(shape: tuple[int, ...]) -> None:
    weights = [keras.Variable(np.ones(shape, "float32")) for _ in range(2)]
    for weight, optimizer in zip(weights, (RowSparseAdam(0.1, lazy=True), keras.optimizers.Adam(0.1)), strict=True):
        optimizer.build([weight])
        for step in range(3):
            optimizer.apply([tf.fill(shape, 0.5 + step)], [weight])
    np.testing.assert_allclose(np.asarray(weights[0]), np.asarray(weights[1]), atol=5e-6)


def test_a_loss_that_is_no_number_leaves_the_weights_and_names_the_input(tmp_path: Path) -> None:
    settings = mlp(embedding_dim=2, embedding_dropout=0.0, hidden_layers=1, hidden_units=4, dropout=0.0)
    kind = Regression()
    model = embedding_mlp(Features([3], [[0.0] * 257] * 2, [[0.0]] * 2), kind, settings)
    model.get_layer("hidden_1").kernel.assign(np.full((6, 4), 0.5, "float32"))
    before = [np.array(weight) for weight in model.weights]
    numbers = np.random.default_rng(0).normal(size=(40, 2)).astype("float32")
    numbers[7, 1], numbers[::3, 0] = 3e38, np.nan
    inputs = {"categorical": np.ones((40, 1), "int32"), "numeric": numbers}
    objective = Objective(kind.loss(), lambda _network: ({"rmse": 0.0}, ""), "rmse", higher_is_better=False)
    examples = ArrayExamples(inputs, np.zeros(40, "float32"), 40)
    training = Training(
        model,
        examples,
        objective,
        train_settings(3, 0.1),
        1,
        Checkpoints(tmp_path / "c"),
        on_epoch=lambda _record: None,
        save_network=lambda _epoch: None,
        lazy=True,
    )
    fault = (
        r"epoch 1, step 1 of 1; its largest input is 3e\+38, in training row 7 of numeric; the largest weight is [01]\."
    )
    with pytest.raises(TrainingError, match=fault):
        training.run(None)
    for weight, old in zip(model.weights, before, strict=True):
        assert np.array_equal(np.asarray(weight), old)
