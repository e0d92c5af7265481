"""Tables with a target, of two classes, of several, or a number: ties data, network, loop and scores together."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import fields
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pipeline.config import MONITORS, TableTrain
from pipeline.data import SPLITS, Arrays, Schema
from pipeline.data.audit import as_dict, findings, page
from pipeline.data.crosses import fit_crosses
from pipeline.data.statistics import Statistics, statistics
from pipeline.portable.crossing import CROSSES, Cross, read_crosses, to_bytes, with_crosses
from pipeline.storage import AUDIT, PROCESSED, RAW, write_bytes, write_json, write_text
from pipeline.tasks.predictor import MODEL, Batches, Predictor, TaskError
from pipeline.tasks.table_columns import prepare_section
from pipeline.tasks.table_crosses import answers_among, crossed_columns, faults_of_crosses, told_of
from pipeline.tasks.table_predictor import (
    Output,
    TablePredictor,
    inputs_of,
    inputs_with,
    output_columns,
    outputs,
    predictions,
)
from pipeline.tasks.task import SAMPLES, Column, Evaluation, Lesson, Scores, Task

if TYPE_CHECKING:
    import keras

    from pipeline.metrics import Curve, Score

SUBMISSION = "submission.csv"


class TableTask(Task):
    """Classifiers and regressions over categorical tables."""

    @cached_property
    def schema(self) -> Schema:
        """Facts that preprocess found."""
        return Schema.load(PROCESSED)

    @property
    def monitors(self) -> tuple[str, ...]:
        return MONITORS[self.schema.kind]

    def preprocess(self) -> str:
        data = self.config.data
        schema, audit = prepare_section(data, RAW, PROCESSED, self.config.task)
        warnings = findings(audit)
        write_json(AUDIT, as_dict(audit, warnings))
        write_text(AUDIT.with_suffix(".md"), page(self.config.name, audit, warnings))
        for each in warnings:
            print(f"preprocess: warning: {each.subject}: {each.text}", flush=True)
        rows = ", ".join(f"{name} {count:,}" for name, count in schema.rows.items())
        classes = f" ({len(schema.classes)} classes)" if schema.kind == "multiclass" else ""
        return (
            f"{schema.kind} target {data.target}{classes}; {len(schema.categorical)} categorical and "
            f"{len(schema.numeric)} numeric columns; rows: {rows}; test rows held out: {schema.held_out}; "
            f"{schema.dropped_without_target:,} rows without {data.target} dropped"
        )

    @cached_property
    def crosses(self) -> list[Cross]:
        """Columns taken together, counted on the training rows."""
        chosen = crossed_columns(self.config.model, self.schema)
        if not chosen:
            return []
        codes = np.asarray(Arrays.load(PROCESSED / "train").categorical)
        return fit_crosses(codes, self.schema.cardinalities, chosen, self.config.model.cross_min_count)

    @property
    def sizes(self) -> list[int]:
        """Number of codes of each column that the network embeds, crosses included."""
        return [*self.schema.cardinalities, *(cross.cardinality for cross in self.crosses)]

    @cached_property
    def statistics(self) -> Statistics | None:
        """What the target was for each code in the training rows; None where the network is not told."""
        if not self.config.model.target_statistics:
            return None
        train = Arrays.load(PROCESSED / "train")
        codes = with_crosses(np.asarray(train.categorical), self.crosses)
        return statistics(codes, self._targets(train), np.asarray(train.group), self.sizes, self.config.seed)

    def build(self) -> "keras.Model":
        from pipeline.models import Features, Head, MlpSettings, embedding_mlp, resolved, with_statistics

        schema, train, told = self.schema, self.config.train, self.statistics
        quantiles, known = [c.quantiles for c in schema.numeric], [c.frequent for c in schema.numeric]
        features = Features(self.sizes, quantiles, known, told.rows.shape[1] if told else 0)
        head = Head(schema.kind, len(schema.classes), schema.target_mean, schema.target_std)
        axes = {field.name: getattr(self.config.model, field.name) for field in fields(MlpSettings)}
        precision = resolved(train.precision)
        network = embedding_mlp(features, head, MlpSettings(**axes), members=train.members, precision=precision)
        return with_statistics(network, self.sizes, told.tables) if told else network

    def check(self) -> None:
        schema, merge, train = self.schema, self.config.model.merge, self.config.train
        faults = []
        if not schema.numeric and merge not in ("concat", "none"):
            faults.append(
                f"model.merge: {merge!r} is a way for numeric columns to enter, and {PROCESSED} has none; list some in "
                "data.numeric, or set model.merge to concat"
            )
        if not schema.categorical and merge == "wide":
            faults.append(
                "model.merge: 'wide' leaves nothing for the hidden layers where no column is categorical; list some in "
                "data.categorical, or set model.merge to concat"
            )
        if self.monitor not in self.monitors:
            faults.append(
                f"train.monitor: {train.monitor!r} is no score of a {schema.kind} target; set it to auto, or to one of "
                f"{', '.join(self.monitors)}"
            )
        if schema.kind == "regression":
            faults += [
                f"train.{key}: {value!r} is for classes, and {schema.target!r} is an amount; set it to {neutral}"
                for key, value, neutral in (
                    ("label_smoothing", train.label_smoothing, 0.0),
                    ("class_weights", train.class_weights, "none"),
                )
                if value != neutral
            ]
        faults += faults_of_crosses(self.config.model, train.members, schema)
        if faults:
            raise TaskError("\n".join(faults))
        if chosen := crossed_columns(self.config.model, schema):
            print(f"train: {told_of(self.crosses, chosen, schema)}", flush=True)
        if self.config.model.target_statistics:
            for warning in answers_among(schema):
                print(f"train: warning: {warning}", flush=True)

    def lesson(self, model: "keras.Model") -> Lesson:
        from pipeline.models import STATISTICS, loss_of, network_of
        from pipeline.training import ArrayExamples

        settings: TableTrain = self.config.train
        train, val = Arrays.load(PROCESSED / "train"), Arrays.load(PROCESSED / "val")
        network = network_of(model)
        given = inputs_with(self.crosses, train) | ({STATISTICS: self.statistics.rows} if self.statistics else {})
        inputs = {name: np.asarray(array) for name, array in inputs_of(network, given).items()}
        seen = inputs_with(self.crosses, val)
        return Lesson(
            ArrayExamples(inputs, np.asarray(train.target), settings.batch_size),
            loss=loss_of(
                self.schema.kind, self.schema.target_std, settings.label_smoothing, self._class_weights(train.target)
            ),
            # The whole: it looks up what the trained part is given.
            validate=lambda _network: (self._score(val, outputs(model, seen))(np.ones(len(val))), ""),
            rests=True,
            network=network,
        )

    def save(self, model: "keras.Model", folder: Path) -> None:
        super().save(model, folder)
        if self.crosses:
            write_bytes(folder / CROSSES, to_bytes(self.crosses))

    def evaluate(self, folder: Path) -> Evaluation:
        from pipeline.models import load_model

        model = load_model(folder / MODEL)
        scores, curves, tables = {}, {}, {}
        for split in ("test", "val"):
            arrays = Arrays.load(PROCESSED / split)
            output = outputs(model, inputs_with(read_crosses(folder), arrays))
            samples = self.config.evaluate.bootstrap_samples
            print(f"evaluate: {split}: {len(arrays):,} rows, {samples} resamples", flush=True)
            scores[split] = self._scores(arrays, output)
            tables[split] = self._table(arrays, output)
            if split == "test":
                curves = self._curves(arrays, output)
        unlabelled = self.config.data.unlabelled
        submission = partial(self._write_submission, folder, unlabelled) if unlabelled else None
        return Evaluation(scores, curves, tables, write_besides=submission)

    def baselines(self) -> Iterator[tuple[str, Scores]]:
        from pipeline.tasks import table_baselines

        splits = {split: Arrays.load(PROCESSED / split) for split in SPLITS}
        for name, baseline in table_baselines.available().items():
            yield name, self._scores(splits["test"], baseline(splits, self.schema))

    @classmethod
    def predictor(cls, folder: Path) -> Predictor:
        return TablePredictor.load(folder)

    def untrained(self) -> Predictor:
        return TablePredictor(self.schema, self.build(), self.crosses)

    def columns(self) -> list[Column]:
        layout = self.schema.layout
        return [Column(name, name in layout.numbers) for name in layout.features]

    def outputs(self) -> list[Column]:
        return output_columns(self.schema)

    def example(self) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = json.loads((PROCESSED / "example.json").read_text(encoding="utf-8"))
        return rows

    def encoded_samples(self, predictor: Any, networks: Mapping[str, "keras.Model"]) -> Batches:
        test = Arrays.load(PROCESSED / "test")
        few = inputs_with(predictor.crosses, test, SAMPLES)
        return {name: [inputs_of(network, few)] for name, network in networks.items()}

    def _targets(self, arrays: Arrays) -> npt.NDArray[np.float64]:
        """Return what statistics are made of, `(rows, targets)`."""
        target = np.asarray(arrays.target, np.float64)
        if self.schema.kind == "multiclass":
            classes: npt.NDArray[np.float64] = np.eye(len(self.schema.classes))[target.astype(int)]
            return classes
        amounts: npt.NDArray[np.float64] = (target - self.schema.target_mean) / self.schema.target_std
        return amounts[:, None]

    def _write_submission(self, folder: Path, unlabelled: str, out: Path) -> str:
        rows = TablePredictor.load(folder).submission(RAW / unlabelled, out / SUBMISSION, self.config.data.id)
        return f"{SUBMISSION}: {rows:,} rows of {unlabelled}"

    def _class_weights(self, target: npt.NDArray[np.float32]) -> list[float] | None:
        if self.config.train.class_weights == "none":
            return None
        counts = np.bincount(np.asarray(target).astype(np.int64), minlength=len(self.schema.classes))
        weights: list[float] = (len(target) / (len(counts) * np.maximum(counts, 1))).tolist()
        return weights

    def _score(self, arrays: Arrays, output: npt.NDArray[Any]) -> "Score":
        from pipeline.metrics import BinaryScores, MulticlassScores, RegressionScores

        if self.schema.kind == "binary":
            return BinaryScores(arrays.target, output[:, 0])
        if self.schema.kind == "regression":
            return RegressionScores(arrays.target, output[:, 0])
        return MulticlassScores(arrays.target, output)

    def _scores(self, arrays: Arrays, output: npt.NDArray[Any]) -> Scores:
        from pipeline.metrics import intervals

        settings = self.config.evaluate
        score = self._score(arrays, output)
        ranges = intervals(score, arrays.group, settings.bootstrap_samples, settings.confidence)
        return Scores(score(np.ones(len(arrays))), ranges)

    def _table(self, arrays: Arrays, output: Output) -> pa.Table:
        target = np.asarray(arrays.target)
        shown = target if self.schema.kind == "regression" else target.astype(np.int32)
        found = predictions(self.schema, output)
        return pa.table(
            {
                "target": shown,
                **{name: found[name] for name in found.column_names},
                "group": np.asarray(arrays.group),
            }
        )

    def _curves(self, arrays: Arrays, output: Output) -> dict[str, "Curve"]:
        from pipeline.metrics import calibration, precision_recall, residuals, roc, sure_and_right

        target = np.asarray(arrays.target)
        if self.schema.kind == "regression":
            return {
                "predicted_and_observed": calibration(target, output[:, 0]),
                "residuals": residuals(target, output[:, 0]),
            }
        if self.schema.kind == "multiclass":
            return {"calibration": sure_and_right(target, output)}
        return {
            "roc": roc(target, output[:, 0]),
            "precision_recall": precision_recall(target, output[:, 0]),
            "calibration": calibration(target, output[:, 0]),
        }
