"""Simple models on the same rows, columns and split, so that a network's score means something."""

import importlib.util
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from pipeline.data import Arrays, Schema

Output = npt.NDArray[np.float64]
Baseline = Callable[[Mapping[str, Arrays], Schema], Output]
"""Fits on train (and val, to choose), returns what a network would for the test rows: `(rows, units)`."""
STRENGTHS = (1.0, 0.1, 0.01)
"""Inverse strengths of the linear model's regularisation; the validation rows choose."""
BOOSTING = {
    "learning_rate": 0.05,
    "num_leaves": 31,
    "seed": 1,
    "deterministic": True,
    "force_row_wise": True,
    "verbose": -1,
}
OBJECTIVES = {
    "binary": {"objective": "binary", "metric": "auc"},
    "multiclass": {"objective": "multiclass", "metric": "multi_logloss"},
    "regression": {"objective": "regression", "metric": "rmse"},
}
ROUNDS, PATIENCE = 2000, 50


def constant(splits: Mapping[str, Arrays], schema: Schema) -> Output:
    """Predict the mean, or the shares of the classes, of the training rows."""
    target, rows = splits["train"].target, len(splits["test"])
    if schema.kind == "multiclass":
        return np.tile(np.bincount(target.astype(int), minlength=len(schema.classes)) / len(target), (rows, 1))
    return np.full((rows, 1), float(target.mean()))


def linear(splits: Mapping[str, Arrays], schema: Schema) -> Output:
    """Predict by logistic or ridge regression on one-hot categories, numbers and missing flags."""
    features = {name: _one_hot(arrays, schema.cardinalities) for name, arrays in splits.items()}
    best, output = -np.inf, constant(splits, schema)
    for strength in STRENGTHS:
        predict = _fitted(schema, strength, features["train"], splits["train"].target)
        score = _quality(schema, splits["val"].target, predict(features["val"]))
        if score > best:
            best, output = score, predict(features["test"])
    return output


def _fitted(schema: Schema, strength: float, features: Any, target: npt.NDArray[Any]) -> Callable[[Any], Output]:
    from sklearn.linear_model import LogisticRegression, Ridge

    if schema.kind == "regression":
        ridge = Ridge(alpha=1 / strength, solver="sparse_cg", tol=1e-3)
        with _unfinished_is_fine():
            ridge.fit(features, (target - schema.target_mean) / schema.target_std)
        return lambda rows: ridge.predict(rows)[:, None] * schema.target_std + schema.target_mean
    model = LogisticRegression(C=strength, max_iter=100)
    with _unfinished_is_fine():
        model.fit(features, target)
    if schema.kind == "binary":
        return lambda rows: model.predict_proba(rows)[:, 1:]
    return lambda rows: _spread(model.predict_proba(rows), model.classes_.astype(int), len(schema.classes))


def _spread(probability: Output, found: npt.NDArray[Any], classes: int) -> Output:
    # A library knows the classes that it saw; the others get none.
    whole = np.zeros((len(probability), classes))
    whole[:, found] = probability
    return whole


def _quality(schema: Schema, target: npt.NDArray[Any], output: Output) -> float:
    from pipeline.metrics import MulticlassScores, RegressionScores, binary_scores

    if schema.kind == "binary":
        return binary_scores(target, output[:, 0])["auc"]
    if schema.kind == "regression":
        return -RegressionScores(target, output[:, 0])(np.ones(len(target)))["rmse"]
    return -MulticlassScores(target, output)(np.ones(len(target)))["log_loss"]


def lightgbm(splits: Mapping[str, Arrays], schema: Schema) -> Output:
    """Predict by gradient boosting, stopped by the validation rows."""
    import lightgbm as library

    features = {name: np.hstack([a.categorical.astype(float), a.numeric]) for name, a in splits.items()}
    columns = list(range(len(schema.cardinalities)))
    settings = {"categorical_feature": columns, "params": {"verbose": -1}}
    train = library.Dataset(features["train"], np.asarray(splits["train"].target), **settings)
    val = library.Dataset(features["val"], np.asarray(splits["val"].target), reference=train, **settings)
    stop = library.early_stopping(PATIENCE, verbose=False)
    classes = {"num_class": len(schema.classes)} if schema.kind == "multiclass" else {}
    params = BOOSTING | OBJECTIVES[schema.kind] | classes
    model = library.train(params, train, ROUNDS, valid_sets=[val], callbacks=[stop])
    output: Output = np.asarray(model.predict(features["test"]))
    return output if output.ndim == 2 else output[:, None]


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
