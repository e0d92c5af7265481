"""Reproducible training: the same seed gives the same bits."""

import keras
import numpy as np
import numpy.typing as npt


def make_deterministic(seed: int) -> None:
    """Seed Python, NumPy and the backend, and make the backend's operations reproducible.

    Results are bit-identical on the same type of processor with the same number of threads; others round differently.
    """
    keras.utils.set_random_seed(seed)
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        tf.config.experimental.enable_op_determinism()


def epoch_order(seed: int, epoch: int, rows: int) -> npt.NDArray[np.int32]:
    """Return the order of the examples in an epoch; it depends only on (seed, epoch), so that a resumed run repeats it.

    Args:
        seed: The seed of the training.
        epoch: The epoch, from 0.
        rows: The number of examples.
    """
    return np.random.default_rng([seed, epoch]).permutation(rows).astype(np.int32)
