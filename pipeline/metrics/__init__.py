"""Confidence intervals of scores, curves, plots and comparisons of embeddings."""

from pipeline.metrics.bootstrap import Score, intervals
from pipeline.metrics.curve import Curve
from pipeline.metrics.vectors import nearest, plane

__all__ = [
    "Curve",
    "Score",
    "intervals",
    "nearest",
    "plane",
]
