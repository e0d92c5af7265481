"""Evaluate a network on the held-out rows of a table."""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pipeline.config import format_score
from pipeline.families.table.data.arrays import Arrays
from pipeline.families.table.data.training_rows import fold_name, out_of_fold, rows_of_folds
from pipeline.families.table.metrics.kinds import kind_of
from pipeline.families.table.metrics.rows import seen, slicings
from pipeline.families.table.metrics.thresholds import Costs, threshold_curve
from pipeline.families.table.models.outputs import Output, inputs_with, outputs
from pipeline.families.table.predictor import ROW, TablePredictor
from pipeline.storage import PROCESSED, RAW
from pipeline.tasks import Evaluation, EvaluationTask, Scores

if TYPE_CHECKING:
    from pipeline.metrics import Curve, Importance, Score, Slice

SUBMISSION = "submission.csv"
DIAGONALS = ("roc", "calibration", "predicted_and_observed")
"""Curves that are drawn with the diagonal: that of chance, or of perfect predictions."""
MOST_ROWS, LEAST_ROWS, MOST_VALUES = 5_000, 500, 500_000
"""Number of validation rows on which the importance of columns is measured, and of their values: of more, a sample."""
MOST_WORST, MOST_CLASSES = 100, 30
"""Largest number of rows in the table of the worst ones, and of classes in the confusion matrix."""
Inputs = tuple[list[int], list[int]]
"""Positions of the categorical and of the numeric inputs that come from one column."""
FOLD = "fold"
"""Column of the out-of-fold predictions: the row's fold, from 1, whose network was not trained on the row."""


class EvaluateTable(EvaluationTask):
    """Computes the scores of the target's kind, with intervals over groups, and predicts the unlabelled rows."""

    def evaluate(self, folder: Path) -> Evaluation:
        """Score the test and validation rows."""
        predictor, kind = TablePredictor.load(folder), kind_of(self.schema)
        test, val = Arrays.load(PROCESSED / "test"), self._validation_rows()
        if not isinstance(self.config.evaluate.slices, str):
            slicings(
                test, self.schema, self.config.evaluate.slices, (), RAW
            )  # refuses unknown columns before the scoring
        results = {
            "test": (test, outputs(predictor.model, inputs_with(predictor.crosses, test))),
            "val": (val, self._validation_outputs(predictor, val)),
        }
        scores, tables = {}, {}
        for split, (rows, output) in results.items():
            samples = self.config.evaluate.bootstrap_samples
            print(f"evaluate: {split}: {len(rows):,} rows, {samples} resamples", flush=True)
            scores[split] = self._scores(rows, output)
            tables[split] = self._table(rows, output, has_folds=split == "val" and self.config.data.folds > 1)
        importances = self._importances(predictor, val)
        curves = kind.curves(np.asarray(test.target), results["test"][1])
        notes = self._notes(scores["val"])
        if len(self.schema.classes) == 2:
            curves["thresholds"], note = self._thresholds(*results["test"], *results["val"])
            if self.config.evaluate.cost_false_positive != self.config.evaluate.cost_false_negative:
                notes["threshold"] = note
        return Evaluation(
            scores,
            curves,
            tables,
            notes,
            partial(self._write_submission, predictor) if self.config.data.unlabelled else None,
            DIAGONALS,
            validation_outputs=results["val"][1],
            score_validation=partial(self._scores, results["val"][0]),
            importances=importances,
            slices=self._slices(*results["test"], importances),
            worst=self._worst(*results["test"]),
            confusion=self._confusion(*results["test"]),
            identity=(ROW, "target", "group"),
            parameters=predictor.model.count_params(),
        )

    def importances(self, folder: Path) -> "list[Importance]":
        """Return the importance of each column of the file on the validation rows."""
        return self._importances(TablePredictor.load(folder), self._validation_rows())

    def facts(self) -> dict[str, str]:
        """Return the target, the columns, the number of rows and how the test rows were chosen."""
        schema = self.schema
        classes = f": {', '.join(schema.classes)}" if 0 < len(schema.classes) <= MOST_CLASSES else ""
        second = f"; a probability is that of {schema.classes[1]}" if len(schema.classes) == 2 else ""
        return {
            "target": f"{schema.target} of {schema.layout.main}, {schema.kind}{classes}{second}",
            "inputs": f"{len(schema.categorical)} categorical and {len(schema.numeric)} numeric columns: "
            + ", ".join(schema.layout.features),
            "rows": ", ".join(f"{split} {count:,}" for split, count in schema.rows.items()),
            "test rows": schema.held_out,
        }

    def suggestions(self) -> list[str]:
        """Return settings that often help; see docs/experiments.md."""
        config, tried = self.config, []
        if self.schema.numeric and config.model.numeric_encoding == "concat":
            tried.append("model.numeric_encoding=piecewise")
        if config.model.ensemble == config.train.ensemble_size == 1 and config.model.numeric_encoding != "wide":
            tried.append("model.ensemble=8")
        if config.data.folds == 1 and config.data.split in ("group", "random"):
            tried.append("data.folds=5")
        if self.schema.categorical and not config.model.target_statistics:
            tried.append("model.target_statistics=true")
        if len(self.schema.categorical) > 1 and config.model.crosses == "none" and not config.model.cross_columns:
            tried.append("model.crosses=pairs")
        return tried

    def _importances(self, predictor: TablePredictor, rows: Arrays) -> "list[Importance]":
        from pipeline.metrics import permutation_importance

        kind, inputs = kind_of(self.schema), self._inputs()
        rows = _sampled(rows, max(LEAST_ROWS, min(MOST_ROWS, MOST_VALUES // len(inputs))))
        if self.schema.classes and len(np.unique(rows.target)) < len(self.schema.classes):
            print("evaluate: no importance of columns, because the validation rows lack a class", flush=True)
            return []

        def score_with(names: Sequence[str], order: npt.NDArray[np.int64]) -> "Score":
            categorical, numeric = np.array(rows.categorical), np.array(rows.numeric)
            for codes, numbers in (inputs[name] for name in names):
                categorical[:, codes], numeric[:, numbers] = categorical[order][:, codes], numeric[order][:, numbers]
            shuffled = replace(rows, categorical=categorical, numeric=numeric)
            return kind.score(rows.target, self._validation_outputs(predictor, shuffled))

        # A column with several inputs, such as a date, is compared with others by its number, or by its first codes.
        values = {
            name: rows.numeric[:, numbers[0]] if numbers else rows.categorical[:, codes[0]]
            for name, (codes, numbers) in inputs.items()
        }
        return permutation_importance(
            score_with,
            values,
            rows.group,
            self.headline,
            self.config.evaluate.confidence,
            higher_is_better=self.config.family.monitors[self.headline],
        )

    def _slices(self, rows: Arrays, output: Output, importances: "Sequence[Importance]") -> "list[Slice]":
        from pipeline.metrics import score_slices

        settings, target, kind = self.config.evaluate, np.asarray(rows.target), kind_of(self.schema)
        return score_slices(
            slicings(rows, self.schema, settings.slices, importances, RAW),
            lambda mask: kind.score(target[mask], output[mask]),
            np.asarray(rows.group),
            self.headline,
            settings.confidence,
        )

    def _worst(self, rows: Arrays, output: Output) -> pa.Table:
        kind = kind_of(self.schema)
        order = np.argsort(-kind.errors(np.asarray(rows.target), output), kind="stable")[:MOST_WORST]
        chosen = rows[order]
        target = kind.written_target(chosen.target).tolist()
        shown = {
            ROW: (chosen.row + 1).tolist(),
            self.schema.target: [self.schema.classes[code] for code in target] if self.schema.classes else target,
        }
        predictions = kind.predictions(output[order])
        shown |= {name: predictions[name].to_pylist() for name in predictions.column_names}
        return pa.table(
            shown | {name: values for name, values in seen(chosen, self.schema).items() if name not in shown}
        )

    def _confusion(self, rows: Arrays, output: Output) -> "tuple[Sequence[str], npt.NDArray[np.int64]] | None":
        if not 0 < len(self.schema.classes) <= MOST_CLASSES:
            return None
        counts = kind_of(self.schema).confusion(np.asarray(rows.target), output)
        return None if counts is None else (self.schema.classes, counts)

    def _thresholds(self, test: Arrays, output: Output, val: Arrays, val_output: Output) -> "tuple[Curve, str]":
        """Return the costs by threshold on the test rows, and a line on the best one of the validation rows."""
        settings = self.config.evaluate
        costs = Costs(settings.cost_false_positive, settings.cost_false_negative)
        best = costs.best_threshold(np.asarray(val.target), val_output[:, 0])
        target, probability = np.asarray(test.target), output[:, 0]
        at_best, at_half = (costs.per_row(target, probability, threshold) for threshold in (best, 0.5))
        note = (
            f"{format_score(best)} has the lowest cost on the validation rows (a false positive costs "
            f"{costs.false_positive:g}, a false negative {costs.false_negative:g}); on the test rows, a row costs "
            f"{format_score(at_best)} there and {format_score(at_half)} at .5"
        )
        return threshold_curve(target, probability, costs), note

    def _inputs(self) -> dict[str, Inputs]:
        """Return the inputs of the network that come from each column of the file; a date has several."""
        source = {name: derived.name for derived in self.schema.layout.derived for name in derived.produced}
        inputs: dict[str, Inputs] = {}
        for place, columns in enumerate((self.schema.categorical, self.schema.numeric)):
            for number, column in enumerate(columns):
                inputs.setdefault(source.get(column.name, column.name), ([], []))[place].append(number)
        return inputs

    def _validation_rows(self) -> Arrays:
        """Return the validation rows; with folds, the rows of all folds."""
        return Arrays.load(PROCESSED / "val") if self.config.data.folds == 1 else rows_of_folds()

    def _validation_outputs(self, predictor: TablePredictor, rows: Arrays) -> Output:
        """Return the outputs for validation rows; with folds, each by the network that was not trained on the row."""
        from pipeline.models import members_of

        model, crosses = predictor.model, predictor.crosses
        if self.config.data.folds == 1:
            return outputs(model, inputs_with(crosses, rows))
        networks = {network.name: network for network in members_of(model)}
        parts = [
            outputs(networks[fold_name(fold)], inputs_with(crosses, rows[rows.fold == fold]))
            for fold in range(self.config.data.folds)
        ]
        return out_of_fold(rows.fold, parts)

    def _scores(self, rows: Arrays, output: Output) -> Scores:
        return Scores.resampled(kind_of(self.schema).score(rows.target, output), rows.group, self.config.evaluate)

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


def _sampled(rows: Arrays, most: int) -> Arrays:
    """Return at most so many random rows; every target has its share of them."""
    if len(rows) <= most:
        return rows
    order = np.random.default_rng(0).permutation(len(rows))
    order = order[np.argsort(rows.target[order], kind="stable")]
    return rows[np.sort(order[np.linspace(0, len(rows) - 1, most).astype(np.int64)])]
