"""Confidence intervals of scores, curves, plots and comparisons of embeddings."""

from pipeline.metrics.bootstrap import Score, interval, resampled
from pipeline.metrics.curve import Curve
from pipeline.metrics.importance import Importance, permutation_importance
from pipeline.metrics.vectors import nearest, plane

__all__ = [
    "Curve",
    "Importance",
    "Score",
    "interval",
    "nearest",
    "permutation_importance",
    "plane",
    "resampled",
]
