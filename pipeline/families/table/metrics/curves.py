"""Curves of predictions, thinned so that they can be plotted and compared between runs."""

from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.metrics import precision_recall_curve, roc_curve

from pipeline.metrics.curve import Curve

POINTS = 200
Vector = npt.NDArray[Any]


def roc(target: Vector, probability: Vector) -> Curve:
    """Return the ROC curve: `false_positive_rate` and `true_positive_rate`."""
    x, y, _ = roc_curve(target, probability)
    return _thinned({"false_positive_rate": x, "true_positive_rate": y})


def precision_recall(target: Vector, probability: Vector) -> Curve:
    """Return the precision-recall curve: `recall` and `precision`."""
    precision, recall, _ = precision_recall_curve(target, probability)
    return _thinned({"recall": recall[::-1], "precision": precision[::-1]})


def calibration(target: Vector, probability: Vector, bins: int = 20) -> Curve:
    """Return the calibration curve: mean `predicted` and `observed` of bins with equal numbers of rows."""
    parts = [part for part in np.array_split(np.argsort(probability, kind="stable"), bins) if len(part)]
    return {
        "predicted": [float(probability[part].mean()) for part in parts],
        "observed": [float(target[part].mean()) for part in parts],
    }


def sure_and_right(target: Vector, probability: Vector) -> Curve:
    """Return the calibration curve of the most probable class: its mean probability and how often it is right."""
    return calibration((probability.argmax(axis=1) == target).astype("float32"), probability.max(axis=1))


def residuals(target: Vector, predicted: Vector, bins: int = 100) -> Curve:
    """Return the distribution of errors: the `share` of rows whose predicted − observed is at most `error`."""
    share = np.linspace(0, 1, bins + 1)
    error = np.quantile(predicted.astype(np.float64) - target, share)
    return {"error": [float(e) for e in error], "share": [float(s) for s in share]}


def _thinned(curve: dict[str, Vector]) -> Curve:
    length = len(next(iter(curve.values())))
    rows = np.unique(np.linspace(0, length - 1, min(length, POINTS)).round().astype(int))
    return {name: [float(value) for value in values[rows]] for name, values in curve.items()}
