"""Confidence intervals of scores, curves, plots and comparisons of embeddings."""

from pipeline.metrics.bootstrap import Score, for_all, interval, resampled
from pipeline.metrics.curve import Curve
from pipeline.metrics.importance import Importance, permutation_importance
from pipeline.metrics.paired import Difference, IncomparableError, TestScores, difference, slice_differences
from pipeline.metrics.slices import Slice, Slicing, by_category, by_number, restricted, score_slices
from pipeline.metrics.vectors import nearest, plane

__all__ = [
    "Curve",
    "Difference",
    "Importance",
    "IncomparableError",
    "Score",
    "Slice",
    "Slicing",
    "TestScores",
    "by_category",
    "by_number",
    "difference",
    "for_all",
    "interval",
    "nearest",
    "permutation_importance",
    "plane",
    "resampled",
    "restricted",
    "score_slices",
    "slice_differences",
]
