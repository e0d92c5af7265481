"""Scores with intervals, curves, plots."""

from pipeline.metrics.binary import HIGHER_IS_BETTER, BinaryScores, binary_scores
from pipeline.metrics.bootstrap import intervals
from pipeline.metrics.curves import Curve, calibration, precision_recall, roc

__all__ = [
    "HIGHER_IS_BETTER",
    "BinaryScores",
    "Curve",
    "binary_scores",
    "calibration",
    "intervals",
    "precision_recall",
    "roc",
]
