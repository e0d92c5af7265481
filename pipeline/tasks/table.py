"""Tables with a target, of two classes, of several, or a number: ties data, network, loop and scores together."""

import json
from collections.abc import Callable, Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pipeline.config import MONITORS
from pipeline.data import SPLITS, Arrays, Schema
from pipeline.data.audit import as_dict, findings, page
from pipeline.storage import AUDIT, PROCESSED, RAW, write_json, write_text
from pipeline.tasks.table_columns import prepare_section
from pipeline.tasks.table_predictor import (
    MODEL,
    Output,
    TablePredictor,
    inputs_of,
    output_columns,
    outputs,
    predictions,
)
from pipeline.tasks.task import Column, Evaluation, Predictor, Scores, Task, TaskError

if TYPE_CHECKING:
    import keras

    from pipeline.metrics import Curve, Score
    from pipeline.training import Checkpoint, Checkpoints, EpochRecord

SUBMISSION = "submission.csv"


class TableTask(Task):
    """Classifiers and regressions over categorical tables."""

    @cached_property
    def schema(self) -> Schema:
        """Facts that preprocess found."""
        return Schema.load(PROCESSED)

    @property
    def headline(self) -> str:
        return MONITORS[self.schema.kind][0]

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

    def prepared(self) -> dict[str, Any]:
        return self.schema.prepared

    def build(self) -> "keras.Model":
        from pipeline.models import Head, embedding_mlp

        schema = self.schema
        settings = self.config.model.model_dump(exclude={"name"})
        head = Head(schema.kind, len(schema.classes), schema.target_mean, schema.target_std)
        return embedding_mlp(schema.cardinalities, [c.quantiles for c in schema.numeric], head, **settings)

    def train(
        self,
        model: "keras.Model",
        start: "Checkpoint | None",
        checkpoints: "Checkpoints",
        on_epoch: Callable[["EpochRecord"], None],
    ) -> Sequence["EpochRecord"]:
        from pipeline.metrics import HIGHER_IS_BETTER
        from pipeline.models import loss_of
        from pipeline.training import Objective, Schedule, Training

        settings = self.config.train
        train, val = Arrays.load(PROCESSED / "train"), Arrays.load(PROCESSED / "val")
        monitor = self._monitor()
        objective = Objective(
            loss=loss_of(self.schema.kind, self.schema.target_std),
            validate=lambda network: self._score(val, outputs(network, val.inputs))(np.ones(len(val))),
            monitor=monitor,
            higher_is_better=HIGHER_IS_BETTER[monitor],
        )
        schedule = Schedule(
            settings.batch_size,
            settings.epochs,
            settings.learning_rate,
            settings.patience,
            settings.checkpoint_minutes,
            self.config.seed,
        )
        inputs = {name: np.asarray(array) for name, array in inputs_of(model, train.inputs).items()}
        training = Training(model, inputs, np.asarray(train.target), objective, schedule, checkpoints, on_epoch)
        return training.run(start)

    def save(self, model: "keras.Model", folder: Path) -> None:
        from pipeline.models import save_model

        save_model(model, folder / MODEL)
        self.schema.save(folder)

    def evaluate(self, folder: Path) -> Evaluation:
        from pipeline.models import load_model

        model = load_model(folder / MODEL)
        scores, curves, tables = {}, {}, {}
        for split in ("test", "val"):
            arrays = Arrays.load(PROCESSED / split)
            output = outputs(model, arrays.inputs)
            samples = self.config.evaluate.bootstrap_samples
            print(f"evaluate: {split}: {len(arrays):,} rows, {samples} resamples", flush=True)
            scores[split] = self._scores(arrays, output)
            tables[split] = self._table(arrays, output)
            if split == "test":
                curves = self._curves(arrays, output)
        return Evaluation(scores, curves, tables)

    def baselines(self) -> Iterator[tuple[str, Scores]]:
        from pipeline.tasks import table_baselines

        splits = {split: Arrays.load(PROCESSED / split) for split in SPLITS}
        for name, baseline in table_baselines.available().items():
            yield name, self._scores(splits["test"], baseline(splits, self.schema))

    def submit(self, folder: Path, out: Path) -> str | None:
        data = self.config.data
        if data.unlabelled is None:
            return None
        rows = TablePredictor(folder).submission(RAW / data.unlabelled, out / SUBMISSION, data.id)
        return f"{SUBMISSION}: {rows:,} rows of {data.unlabelled}"

    @classmethod
    def predictor(cls, folder: Path) -> Predictor:
        return TablePredictor(folder)

    def columns(self) -> list[Column]:
        layout = self.schema.layout
        return [Column(name, name in layout.numbers) for name in layout.features]

    def outputs(self) -> list[Column]:
        return output_columns(self.schema)

    def example(self) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = json.loads((PROCESSED / "example.json").read_text(encoding="utf-8"))
        return rows

    def _monitor(self) -> str:
        asked, legal = self.config.train.monitor, MONITORS[self.schema.kind]
        if asked == "auto":
            return legal[0]
        if asked not in legal:
            raise TaskError(
                f"train.monitor: {asked!r} is no score of a {self.schema.kind} target; set it to auto, or to one of "
                f"{', '.join(legal)}"
            )
        return asked

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
