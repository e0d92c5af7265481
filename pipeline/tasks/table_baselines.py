"""Simple models on the same rows, columns and split, so that a network's score means something."""

import importlib.util
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from pipeline.data import Arrays

Probability = npt.NDArray[np.float64]
Baseline = Callable[[Mapping[str, Arrays], Sequence[int]], Probability]
STRENGTHS = (1.0, 0.1, 0.01)
"""Inverse strengths of the linear model's regularisation; the validation rows choose."""
BOOSTING = {
    "objective": "binary",
    "metric": "auc",
    "learning_rate": 0.05,
    "num_leaves": 31,
    "seed": 1,
    "deterministic": True,
    "force_row_wise": True,
    "verbose": -1,
}
ROUNDS, PATIENCE = 2000, 50


def constant(splits: Mapping[str, Arrays], cardinalities: Sequence[int]) -> Probability:
    """Predict the share of the training rows."""
    return np.full(len(splits["test"]), float(splits["train"].target.mean()))


def linear(splits: Mapping[str, Arrays], cardinalities: Sequence[int]) -> Probability:
    """Predict by logistic regression on one-hot categories, numbers and missing flags."""
    from sklearn.linear_model import LogisticRegression

    from pipeline.metrics import binary_scores

    features = {name: _one_hot(arrays, cardinalities) for name, arrays in splits.items()}
    best, probability = -np.inf, constant(splits, cardinalities)
    for strength in STRENGTHS:
        model = LogisticRegression(C=strength, max_iter=100)
        with _unfinished_is_fine():
            model.fit(features["train"], splits["train"].target)
        auc = binary_scores(splits["val"].target, model.predict_proba(features["val"])[:, 1])["auc"]
        if auc > best:
            best, probability = auc, model.predict_proba(features["test"])[:, 1]
    return probability


def lightgbm(splits: Mapping[str, Arrays], cardinalities: Sequence[int]) -> Probability:
    """Predict by gradient boosting, stopped by the validation rows."""
    import lightgbm as library

    features = {name: np.hstack([a.categorical.astype(float), a.numeric]) for name, a in splits.items()}
    settings = {"categorical_feature": list(range(len(cardinalities))), "params": {"verbose": -1}}
    train = library.Dataset(features["train"], np.asarray(splits["train"].target), **settings)
    val = library.Dataset(features["val"], np.asarray(splits["val"].target), reference=train, **settings)
    stop = library.early_stopping(PATIENCE, verbose=False)
    model = library.train(BOOSTING, train, ROUNDS, valid_sets=[val], callbacks=[stop])
    return np.asarray(model.predict(features["test"]))


def available() -> dict[str, Baseline]:
    """Return the baselines that this environment can run; LightGBM is an extra."""
    found: dict[str, Baseline] = {"constant": constant, "linear": linear}
    if importlib.util.find_spec("lightgbm"):
        found["lightgbm"] = lightgbm
    else:
        print("baseline: lightgbm is not installed and left out (`pip install lightgbm`)", flush=True)
    return found


def _one_hot(arrays: Arrays, cardinalities: Sequence[int]) -> Any:
    from scipy import sparse

    rows, columns = arrays.categorical.shape
    offsets = np.concatenate([[0], np.cumsum(cardinalities)])[:columns]
    places = (arrays.categorical + offsets).ravel()
    starts = np.arange(0, rows * columns + 1, columns) if columns else np.zeros(rows + 1, dtype=int)
    categories = sparse.csr_matrix(
        (np.ones(rows * columns, "float32"), places, starts), shape=(rows, sum(cardinalities))
    )
    missing = np.isnan(arrays.numeric)
    numbers = np.hstack([np.where(missing, 0, arrays.numeric), missing]).astype("float32")
    return sparse.hstack([categories, sparse.csr_matrix(numbers)], format="csr")


def _unfinished_is_fine() -> Any:
    # A hundred steps are a baseline; whether the last digit has settled is not what it is for.
    import warnings

    from sklearn.exceptions import ConvergenceWarning

    return warnings.catch_warnings(action="ignore", category=ConvergenceWarning)
