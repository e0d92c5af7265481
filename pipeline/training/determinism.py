"""Same seed, same bits."""

import keras
import numpy as np
import numpy.typing as npt


def make_deterministic(seed: int) -> None:
    """Seed Python, NumPy and the backend, and make the backend's operations reproducible.

    Bits stay the same on one type of processor with one number of threads; others round differently.
    """
    keras.utils.set_random_seed(seed)
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        tf.config.experimental.enable_op_determinism()


def epoch_order(seed: int, epoch: int, rows: int) -> npt.NDArray[np.int32]:
    """Return the order of examples of one epoch, from nothing but (seed, epoch): a resumed run needs no more.

    Args:
        seed: Of the training.
        epoch: From 0.
        rows: Number of examples.
    """
    return np.random.default_rng([seed, epoch]).permutation(rows).astype(np.int32)
