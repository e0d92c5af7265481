"""What a table's predictions are worth, and the files that show it."""

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pipeline.config import Evaluate
from pipeline.data import Arrays, Schema
from pipeline.tasks.table_predictor import ROW, Output, predictions
from pipeline.tasks.task import Scores

if TYPE_CHECKING:
    from pipeline.metrics import Curve, Score

FOLD = "fold"
"""Column of the out-of-fold predictions: the fold of the row, from 1, whose network did not learn from it."""


def score_of(schema: Schema, rows: Arrays, output: npt.NDArray[Any]) -> "Score":
    """Return the scores of a prediction, by weights of the rows."""
    from pipeline.metrics import BinaryScores, MulticlassScores, RegressionScores

    if schema.kind == "binary":
        return BinaryScores(rows.target, output[:, 0])
    if schema.kind == "regression":
        return RegressionScores(rows.target, output[:, 0])
    return MulticlassScores(rows.target, output)


def scores_of(schema: Schema, settings: Evaluate, rows: Arrays, output: npt.NDArray[Any]) -> Scores:
    """Return scores with their intervals, resampled over groups."""
    from pipeline.metrics import intervals

    score = score_of(schema, rows, output)
    ranges = intervals(score, rows.group, settings.bootstrap_samples, settings.confidence)
    return Scores(score(np.ones(len(rows))), ranges)


def table_of(schema: Schema, rows: Arrays, output: Output, *, folds: bool) -> pa.Table:
    """Return predictions beside the targets; `folds`: with the fold of each row."""
    target = np.asarray(rows.target)
    found = predictions(schema, output)
    columns = {
        ROW: np.asarray(rows.row) + 1,
        "target": target if schema.kind == "regression" else target.astype(np.int32),
        **{name: found[name] for name in found.column_names},
        "group": np.asarray(rows.group),
    }
    return pa.table(columns | ({FOLD: np.asarray(rows.fold) + 1} if folds else {}))


def curves_of(schema: Schema, rows: Arrays, output: Output) -> dict[str, "Curve"]:
    """Return what can be drawn of a prediction."""
    from pipeline.metrics import calibration, precision_recall, residuals, roc, sure_and_right

    target = np.asarray(rows.target)
    if schema.kind == "regression":
        return {
            "predicted_and_observed": calibration(target, output[:, 0]),
            "residuals": residuals(target, output[:, 0]),
        }
    if schema.kind == "multiclass":
        return {"calibration": sure_and_right(target, output)}
    return {
        "roc": roc(target, output[:, 0]),
        "precision_recall": precision_recall(target, output[:, 0]),
        "calibration": calibration(target, output[:, 0]),
    }
