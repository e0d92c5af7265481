"""Simple models on the same rows, columns and split, to compare the network with."""

import importlib.util
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from pipeline.families.table.data.arrays import Arrays
from pipeline.families.table.data.schema import Schema
from pipeline.families.table.data.training_rows import out_of_fold, rows_of_folds, splits_of_folds
from pipeline.families.table.metrics.kinds import kind_of
from pipeline.storage import PROCESSED
from pipeline.tasks import BaselineTask, Scores

Output = npt.NDArray[np.float64]
HELD_OUT = ("val", "test")
Outputs = dict[str, Output]
"""Outputs for each split in `HELD_OUT`, shape (rows, units)."""
Baseline = Callable[[Mapping[str, Arrays], Schema], Outputs]
"""Fits on train, selects on val, and returns the outputs for the held-out splits."""
STRENGTHS = (1.0, 0.1, 0.01)
"""Inverse regularisation strengths of the linear model; the best on the validation rows is kept."""
BOOSTING = {
    "learning_rate": 0.05,
    "num_leaves": 31,
    "seed": 1,
    "deterministic": True,
    "force_row_wise": True,
    "verbose": -1,
}
ROUNDS, PATIENCE = 2000, 50
AVERAGED = "lightgbm"
"""The baseline that may be as good as the network, so that the mean of both could be better."""


def constant(splits: Mapping[str, Arrays], schema: Schema) -> Outputs:
    """Predict the mean, or the class frequencies, of the training rows."""
    return {split: kind_of(schema).constant(splits["train"].target, len(splits[split])) for split in HELD_OUT}


def linear(splits: Mapping[str, Arrays], schema: Schema) -> Outputs:
    """Predict with logistic or ridge regression on one-hot categories, numbers and missing flags."""
    kind = kind_of(schema)
    features = {name: one_hot(arrays, schema.cardinalities) for name, arrays in splits.items()}
    best, outputs = -np.inf, constant(splits, schema)
    for strength in STRENGTHS:
        predict = kind.linear(strength, features["train"], splits["train"].target)
        val = predict(features["val"])
        score = kind.quality(splits["val"].target, val)
        if score > best:
            best, outputs = score, {"val": val, "test": predict(features["test"])}
    return outputs


def lightgbm(splits: Mapping[str, Arrays], schema: Schema) -> Outputs:
    """Predict with gradient boosting, stopped early on the validation rows."""
    import lightgbm as library

    features = {name: np.hstack([a.categorical.astype(float), a.numeric]) for name, a in splits.items()}
    columns = list(range(len(schema.cardinalities)))
    settings = {"categorical_feature": columns, "params": {"verbose": -1}}
    train = library.Dataset(features["train"], np.asarray(splits["train"].target), **settings)
    val = library.Dataset(features["val"], np.asarray(splits["val"].target), reference=train, **settings)
    stop = library.early_stopping(PATIENCE, verbose=False)
    kind = kind_of(schema)
    classes = {"num_class": kind.units} if kind.units > 1 else {}
    params = {**BOOSTING, **kind.boosting, **classes}
    model = library.train(params, train, ROUNDS, valid_sets=[val], callbacks=[stop])
    outputs = {split: np.asarray(model.predict(features[split])) for split in HELD_OUT}
    return {split: output if output.ndim == 2 else output[:, None] for split, output in outputs.items()}


def available() -> dict[str, Baseline]:
    """Return the baselines that this environment can run; LightGBM is optional."""
    baselines: dict[str, Baseline] = {"constant": constant, "linear": linear}
    if importlib.util.find_spec("lightgbm"):
        baselines["lightgbm"] = lightgbm
    else:
        print("baseline: skipping lightgbm, which is not installed (`pip install lightgbm`)", flush=True)
    return baselines


def one_hot(arrays: Arrays, cardinalities: Sequence[int]) -> Any:
    """Return one-hot categories, numbers and missing flags as a sparse matrix, shape (rows, features)."""
    from scipy import sparse

    rows, columns = arrays.categorical.shape
    offsets = np.concatenate([[0], np.cumsum(cardinalities)])[:columns]
    indices = (arrays.categorical + offsets).ravel()
    starts = np.arange(0, rows * columns + 1, columns) if columns else np.zeros(rows + 1, dtype=int)
    categories = sparse.csr_matrix(
        (np.ones(rows * columns, "float32"), indices, starts), shape=(rows, sum(cardinalities))
    )
    missing = np.isnan(arrays.numeric)
    numbers = np.hstack([np.where(missing, 0, arrays.numeric), missing]).astype("float32")
    return sparse.hstack([categories, sparse.csr_matrix(numbers)], format="csr")


class TableBaselines(BaselineTask):
    """A constant, a linear model, and gradient boosting if LightGBM is installed."""

    def scores(self) -> Iterator[tuple[str, Scores]]:
        """Fit and score each baseline; with folds, one model per fold, whose predictions are averaged."""
        test, kind = Arrays.load(PROCESSED / "test"), kind_of(self.schema)
        for name, baseline in available().items():
            outputs = [baseline(splits, self.schema) for splits in splits_of_folds(self.config.data.folds)]
            if name == AVERAGED:
                val = [fold["val"] for fold in outputs]
                self.validation_outputs[name] = out_of_fold(rows_of_folds().fold, val) if len(val) > 1 else val[0]
            score = kind.score(test.target, np.mean([fold["test"] for fold in outputs], axis=0))
            yield name, Scores.resampled(score, test.group, self.config.evaluate)
