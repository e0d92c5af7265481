"""Row-sparse Adam against Keras' dense one."""

from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from pipeline.training.optimizer import RowSparseAdam


def moved(optimizer: Any, batches: list[list[int]], *, dense: bool) -> np.ndarray:
    """Return a table of 6 rows after a step a batch; the gradient of a row hangs on where in the batch it stands."""
    table = keras.Variable(np.linspace(-1, 1, 18).reshape(6, 3).astype("float32"))
    optimizer.build([table])
    for number, rows in enumerate(batches):
        values = np.random.default_rng(number).normal(size=(len(rows), 3)).astype("float32")
        gradient: Any = tf.IndexedSlices(tf.constant(values), tf.constant(rows), tf.constant([6, 3]))
        optimizer.apply([tf.convert_to_tensor(gradient) if dense else gradient], [table])
    found: np.ndarray = np.asarray(table)
    return found


def test_rows_of_every_batch_move_as_under_adam() -> None:
    batches = [[0, 2, 2, 5], [5, 0, 2, 0], [2, 5, 5, 0, 0]]
    sparse = moved(RowSparseAdam(0.1), batches, dense=False)
    dense = moved(keras.optimizers.Adam(0.1), batches, dense=True)
    np.testing.assert_allclose(sparse, dense, rtol=1e-6, atol=1e-7)


def test_rows_that_no_batch_has_rest() -> None:
    before = np.linspace(-1, 1, 18).reshape(6, 3).astype("float32")
    after = moved(RowSparseAdam(0.1), [[0, 1], [1, 1]], dense=False)
    assert np.array_equal(after[2:], before[2:])
    once = moved(RowSparseAdam(0.1), [[0, 1]], dense=False)
    assert np.array_equal(after[0], once[0])  # Adam would go on moving it
    assert np.abs(after[1] - once[1]).min() > 0


@pytest.mark.parametrize("shape", [(3,), (2, 3)])
def test_other_weights_are_keras_own(shape: tuple[int, ...]) -> None:
    weights = [keras.Variable(np.ones(shape, "float32")) for _ in range(2)]
    for weight, optimizer in zip(weights, (RowSparseAdam(0.1), keras.optimizers.Adam(0.1)), strict=True):
        optimizer.build([weight])
        for step in range(3):
            optimizer.apply([tf.fill(shape, 0.5 + step)], [weight])
    assert np.array_equal(np.asarray(weights[0]), np.asarray(weights[1]))
