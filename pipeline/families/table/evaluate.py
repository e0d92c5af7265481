"""Evaluate a network on the held-out rows of a table."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from pipeline.config import format_score
from pipeline.families.table.data.arrays import Arrays
from pipeline.families.table.data.crossing import Cross
from pipeline.families.table.data.training_rows import fold_name, rows_of_folds
from pipeline.families.table.metrics.kinds import kind_of
from pipeline.families.table.models.outputs import Output, inputs_with, outputs
from pipeline.families.table.predictor import ROW, TablePredictor
from pipeline.storage import PROCESSED, RAW
from pipeline.tasks import Evaluation, EvaluationTask, Scores

if TYPE_CHECKING:
    import keras

SUBMISSION = "submission.csv"
DIAGONALS = ("roc", "calibration", "predicted_and_observed")
"""Curves that are drawn with the diagonal: that of chance, or of perfect predictions."""
FOLD = "fold"
"""Column of the out-of-fold predictions: the row's fold, from 1, whose network was not trained on the row."""


class EvaluateTable(EvaluationTask):
    """Computes the scores of the target's kind, with intervals over groups, and predicts the unlabelled rows."""

    def evaluate(self, folder: Path) -> Evaluation:
        """Score the test and validation rows."""
        predictor, kind = TablePredictor.load(folder), kind_of(self.schema)
        test = Arrays.load(PROCESSED / "test")
        results = {
            "test": (test, outputs(predictor.model, inputs_with(predictor.crosses, test))),
            "val": self._validation_outputs(predictor.model, predictor.crosses),
        }
        scores, tables = {}, {}
        for split, (rows, output) in results.items():
            samples = self.config.evaluate.bootstrap_samples
            print(f"evaluate: {split}: {len(rows):,} rows, {samples} resamples", flush=True)
            scores[split] = Scores.resampled(kind.score(rows.target, output), rows.group, self.config.evaluate)
            tables[split] = self._table(rows, output, has_folds=split == "val" and self.config.data.folds > 1)
        return Evaluation(
            scores,
            kind.curves(np.asarray(test.target), results["test"][1]),
            tables,
            self._notes(scores["val"]),
            partial(self._write_submission, predictor) if self.config.data.unlabelled else None,
            DIAGONALS,
        )

    def suggestions(self) -> list[str]:
        """Return settings that often help; see docs/experiments.md."""
        config, tried = self.config, []
        if config.data.folds == 1 and config.data.split in ("group", "random"):
            tried.append("data.folds=5")
        if self.schema.categorical and not config.model.target_statistics:
            tried.append("model.target_statistics=true")
        if len(self.schema.categorical) > 1 and config.model.crosses == "none" and not config.model.cross_columns:
            tried.append("model.crosses=pairs")
        if self.schema.numeric and config.model.numeric_encoding == "concat":
            tried.append("model.numeric_encoding=piecewise")
        return tried

    def _validation_outputs(self, model: "keras.Model", crosses: Sequence[Cross]) -> tuple[Arrays, Output]:
        """Return validation rows and outputs; with folds, all rows, each predicted by the network not trained on it."""
        from pipeline.models import members_of

        folds = self.config.data.folds
        if folds == 1:
            rows = Arrays.load(PROCESSED / "val")
            return rows, outputs(model, inputs_with(crosses, rows))
        networks = {network.name: network for network in members_of(model)}
        rows = rows_of_folds()
        output = np.empty((len(rows), model.output_shape[-1]), np.float32)
        for fold in range(folds):
            in_fold = rows.fold == fold
            output[in_fold] = outputs(networks[fold_name(fold)], inputs_with(crosses, rows[in_fold]))
        return rows, output

    def _table(self, rows: Arrays, output: Output, *, has_folds: bool) -> pa.Table:
        kind = kind_of(self.schema)
        predictions = kind.predictions(output)
        columns = {
            ROW: np.asarray(rows.row) + 1,
            "target": kind.written_target(np.asarray(rows.target)),
            **{name: predictions[name] for name in predictions.column_names},
            "group": np.asarray(rows.group),
        }
        return pa.table(columns | ({FOLD: np.asarray(rows.fold) + 1} if has_folds else {}))

    def _notes(self, val: Scores) -> dict[str, str]:
        if self.config.data.folds == 1:
            return {}
        low, high = map(format_score, val.intervals[self.headline])
        return {"out_of_fold": f"{self.headline} {format_score(val.values[self.headline])} ({low} … {high})"}

    def _write_submission(self, predictor: TablePredictor, out: Path) -> str:
        data = self.config.data
        rows = predictor.submission(RAW / data.unlabelled, out / SUBMISSION, data.id)
        return f"{SUBMISSION}: {rows:,} rows of {data.unlabelled}"
