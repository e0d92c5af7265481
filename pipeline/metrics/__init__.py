"""Scores with intervals, curves, plots."""

from pipeline.metrics.binary import BinaryScores, binary_scores
from pipeline.metrics.bootstrap import Score, intervals
from pipeline.metrics.curves import Curve, calibration, precision_recall, residuals, roc, sure_and_right
from pipeline.metrics.multiclass import MulticlassScores
from pipeline.metrics.regression import RegressionScores
from pipeline.metrics.texts import TextScores
from pipeline.metrics.thresholds import ThresholdScores
from pipeline.metrics.translations import TranslationScores, bleu_by_length
from pipeline.metrics.vectors import nearest, plane

HIGHER_IS_BETTER = {
    "auc": True,
    "auc_macro": True,
    "average_precision": True,
    "accuracy": True,
    "r2": True,
    "log_loss": False,
    "brier": False,
    "bleu": True,
    "chrf": True,
    "token_accuracy": True,
    "loss": False,
    "bits_per_char": False,
    "perplexity": False,
    "hinge": False,
    "rmse": False,
    "mae": False,
}

__all__ = [
    "HIGHER_IS_BETTER",
    "BinaryScores",
    "Curve",
    "MulticlassScores",
    "RegressionScores",
    "Score",
    "TextScores",
    "ThresholdScores",
    "TranslationScores",
    "binary_scores",
    "bleu_by_length",
    "calibration",
    "intervals",
    "nearest",
    "plane",
    "precision_recall",
    "residuals",
    "roc",
    "sure_and_right",
]
