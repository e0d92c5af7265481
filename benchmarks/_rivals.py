"""The models that the networks of this project are compared with, on the same rows, columns and folds.

Each takes the training, validation and test rows of one fold, stops early on the validation rows, and returns its
outputs for the test rows, shape (rows, units).
"""

import importlib
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from pipeline.families.table import baseline
from pipeline.families.table.data.arrays import Arrays
from pipeline.families.table.data.schema import Schema
from pipeline.families.table.metrics.kinds import kind_of

Output = npt.NDArray[np.floating]
Splits = Mapping[str, Arrays]
CATBOOST_PATIENCE = 50
TABM = {"batch_size": 256, "learning_rate": 2e-3, "weight_decay": 3e-4, "patience": 16, "epochs": 200, "bins": 48}
"""Settings of TabM's own example, with piecewise-linear embeddings of the numbers."""
LARGE_BATCH, LARGE = 1024, 50_000
"""TabM's batch size for tables with at least this many training rows."""


def linear(splits: Splits, schema: Schema, _seed: int) -> Output:
    """Predict with logistic or ridge regression on one-hot categories; see the baseline stage."""
    return baseline.linear(splits, schema)["test"]


def lightgbm(splits: Splits, schema: Schema, _seed: int) -> Output:
    """Predict with LightGBM, stopped early; see the baseline stage."""
    return baseline.lightgbm(splits, schema)["test"]


def catboost(splits: Splits, schema: Schema, seed: int) -> Output:
    """Predict with CatBoost's defaults, which encode categories themselves, stopped early."""
    library = importlib.import_module("catboost")
    width = len(schema.cardinalities)
    pools = {name: library.Pool(_frame(rows, width), rows.target, list(range(width))) for name, rows in splits.items()}
    settings = {"random_seed": seed, "verbose": False, "allow_writing_files": False, "iterations": 1000}
    if len(schema.classes) == 2:
        settings["eval_metric"] = "AUC"  # the score by which the others stop, too
    kind = library.CatBoostClassifier if schema.classes else library.CatBoostRegressor
    model = kind(early_stopping_rounds=CATBOOST_PATIENCE, **settings)
    model.fit(pools["train"], eval_set=pools["val"])
    if not schema.classes:
        return np.asarray(model.predict(pools["test"]))[:, None]
    return _of_all_classes(model.predict_proba(pools["test"]), model.classes_, schema)


def _frame(rows: Arrays, width: int) -> Any:
    import pandas as pd

    columns = {f"category_{index}": rows.categorical[:, index] for index in range(width)}
    return pd.DataFrame(columns | {f"number_{index}": rows.numeric[:, index] for index in range(rows.numeric.shape[1])})


def _of_all_classes(probability: Output, fitted: Any, schema: Schema) -> Output:
    if len(schema.classes) == 2:
        return probability[:, 1:]
    # A fold may lack a rare class.
    full = np.zeros((len(probability), len(schema.classes)))
    full[:, np.asarray(fitted).astype(int)] = probability
    return full


def tabm(splits: Splits, schema: Schema, seed: int) -> Output:
    """Predict with TabM's own package (Gorishniy et al.: TabM, 2024) as in its example, stopped early.

    Numbers are embedded piecewise linearly over 48 quantile bins; missing ones count as the mean, with a flag.
    """
    torch = importlib.import_module("torch")
    torch.manual_seed(seed)
    random = np.random.default_rng(seed)
    kind, units = kind_of(schema), kind_of(schema).units
    model, inputs_of = _tabm_network(torch, splits["train"], schema, units)
    optimizer = torch.optim.AdamW(model.parameters(), lr=TABM["learning_rate"], weight_decay=TABM["weight_decay"])
    inputs = {name: inputs_of(rows) for name, rows in splits.items()}
    target = _tabm_target(torch, splits["train"].target, schema)
    size = TABM["batch_size"] if len(target) < LARGE else LARGE_BATCH

    def outputs(split: str) -> Output:
        model.eval()
        with torch.inference_mode():
            parts = [
                _tabm_activated(
                    torch, model(**{name: value[first : first + 4096] for name, value in inputs[split].items()}), schema
                )
                for first in range(0, len(splits[split]), 4096)
            ]
        return torch.cat(parts).numpy()

    best, kept, waited = -np.inf, outputs("test"), 0
    for _ in range(int(TABM["epochs"])):
        model.train()
        for rows in np.array_split(random.permutation(len(target)), max(1, len(target) // int(size))):
            chosen = torch.from_numpy(rows)
            found = model(**{name: value[chosen] for name, value in inputs["train"].items()})
            loss = _tabm_loss(torch, found, target[chosen], schema)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        quality = kind.quality(splits["val"].target, outputs("val"))
        waited += 1
        if quality > best:
            best, kept, waited = quality, outputs("test"), 0
        if waited >= int(TABM["patience"]):
            break
    return kept


def _tabm_network(torch: Any, train: Arrays, schema: Schema, units: int) -> tuple[Any, Callable[[Arrays], Any]]:
    library, embeddings = importlib.import_module("tabm"), importlib.import_module("rtdl_num_embeddings")
    is_used = np.nanstd(train.numeric, axis=0) > 0 if train.numeric.shape[1] else np.zeros(0, bool)

    def inputs_of(rows: Arrays) -> dict[str, Any]:
        numbers = np.asarray(rows.numeric)[:, is_used]
        missing = np.isnan(numbers)[:, has_missing]
        found = {}
        if numbers.shape[1]:
            found["x_num"] = torch.from_numpy(np.nan_to_num(numbers).astype(np.float32))
        codes = np.hstack([rows.categorical, missing]).astype(np.int64)
        if codes.shape[1]:
            found["x_cat"] = torch.from_numpy(codes)
        return found

    has_missing = np.isnan(np.asarray(train.numeric)[:, is_used]).any(axis=0)
    numbers = inputs_of(train).get("x_num")
    embedded = None
    if numbers is not None:
        bins = embeddings.compute_bins(numbers, n_bins=min(int(TABM["bins"]), len(train) - 1))
        embedded = embeddings.PiecewiseLinearEmbeddings(bins, 16, activation=False, version="B")
    model = library.TabM.make(
        n_num_features=0 if numbers is None else numbers.shape[1],
        cat_cardinalities=[*schema.cardinalities, *[2] * int(has_missing.sum())],
        d_out=units,
        num_embeddings=embedded,
    )
    return model, inputs_of


def _tabm_target(torch: Any, target: Any, schema: Schema) -> Any:
    values = np.asarray(target)
    if not schema.classes:
        return torch.from_numpy(((values - schema.target_mean) / schema.target_std).astype(np.float32))
    return torch.from_numpy(values.astype(np.float32 if len(schema.classes) == 2 else np.int64))


def _tabm_loss(torch: Any, found: Any, target: Any, schema: Schema) -> Any:
    """Return the mean over the members of each one's own loss; `found` has the shape (batch, members, units)."""
    functional = torch.nn.functional
    members = found.shape[1]
    target = target.repeat_interleave(members)
    flat = found.flatten(0, 1)
    if not schema.classes:
        return functional.mse_loss(flat[:, 0], target)
    if len(schema.classes) == 2:
        return functional.binary_cross_entropy_with_logits(flat[:, 0], target)
    return functional.cross_entropy(flat, target)


def _tabm_activated(torch: Any, found: Any, schema: Schema) -> Any:
    """Return the mean of the members' outputs, shape (batch, units)."""
    if not schema.classes:
        return found.mean(1) * schema.target_std + schema.target_mean
    return (torch.sigmoid(found) if len(schema.classes) == 2 else torch.softmax(found, -1)).mean(1)


RIVALS: dict[str, Callable[[Splits, Schema, int], Output]] = {
    "LightGBM": lightgbm,
    "CatBoost": catboost,
    "linear": linear,
    "TabM": tabm,
}
