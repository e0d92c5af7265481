"""Tables with a target, of two classes, of several, or a number: ties data, network, loop and scores together."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import fields
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from pipeline.config import MONITORS, Config, TableTrain, figure
from pipeline.data import Arrays, Schema
from pipeline.data.audit import as_dict, findings, page
from pipeline.data.crosses import fit_crosses
from pipeline.data.statistics import Statistics, statistics
from pipeline.portable.crossing import CROSSES, Cross, read_crosses, to_bytes
from pipeline.storage import AUDIT, PROCESSED, RAW, write_bytes, write_json, write_text
from pipeline.tasks.predictor import MODEL, Batches, Predictor, TaskError
from pipeline.tasks.table_checks import faults_of
from pipeline.tasks.table_columns import prepare_section
from pipeline.tasks.table_crosses import answers_among, crossed_columns, told_of
from pipeline.tasks.table_predictor import (
    Output,
    TablePredictor,
    inputs_of,
    inputs_with,
    output_columns,
    outputs,
)
from pipeline.tasks.table_rows import Rows, rows_of_fold, rows_of_folds, rows_of_split, splits_of_folds
from pipeline.tasks.table_scores import curves_of, score_of, scores_of, table_of
from pipeline.tasks.task import SAMPLES, Column, Evaluation, Lesson, Scores, Task

if TYPE_CHECKING:
    import keras

    from pipeline.training import Checkpoint, Checkpoints, EpochRecord

SUBMISSION = "submission.csv"
SCORED = 10_000
"""Validation rows on which formats of fewer bits are scored."""
SCORED_AT_ONCE = 512


def fold_name(fold: int) -> str:
    """Return what the network of a fold is called within the whole."""
    return f"fold_{fold + 1}"


class TableTask(Task):
    """Classifiers and regressions over categorical tables.

    Args:
        config: Of the experiment.
        whole: The task that this one is a fold of.
        fold: Its number.
    """

    def __init__(self, config: Config, whole: "TableTask | None" = None, fold: int = 0) -> None:
        super().__init__(config)
        self._whole, self._fold = whole, fold
        if fold:
            # Of its own, whatever seeds are near: seed 2 must not repeat folds of seed 1.
            self.seed = int(np.random.SeedSequence([self.seed, fold]).generate_state(1)[0])

    def folds(self) -> "Sequence[TableTask]":
        count = self.config.data.folds
        return [self] if count == 1 else [TableTask(self.config, self, fold) for fold in range(count)]

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
        if data.folds > 1:
            several = schema.rows["train"] + schema.rows["val"]
            rows = f"{several:,} in {data.folds} folds, test {schema.rows['test']:,}"
        classes = f" ({len(schema.classes)} classes)" if schema.kind == "multiclass" else ""
        return (
            f"{schema.kind} target {data.target}{classes}; {len(schema.categorical)} categorical and "
            f"{len(schema.numeric)} numeric columns; rows: {rows}; test rows held out: {schema.held_out}; "
            f"{schema.dropped_without_target:,} rows without {data.target} dropped"
        )

    @cached_property
    def crosses(self) -> list[Cross]:
        """Columns taken together, counted on the rows that are learned from; with folds, by any of them."""
        if self._whole:
            return self._whole.crosses
        chosen = crossed_columns(self.config.model, self.schema)
        if not chosen:
            return []
        rows = Arrays.load(PROCESSED / "train") if self.config.data.folds == 1 else rows_of_folds()
        codes = np.asarray(rows.categorical)
        return fit_crosses(codes, self.schema.cardinalities, chosen, self.config.model.cross_min_count)

    @property
    def sizes(self) -> list[int]:
        """Number of codes of each column that the network embeds, crosses included."""
        return [*self.schema.cardinalities, *(cross.cardinality for cross in self.crosses)]

    @cached_property
    def rows(self) -> Rows:
        """Rows to learn from, and to validate on."""
        data, model = self.config.data, self.config.model
        if data.folds == 1:
            return rows_of_split(self.crosses)
        enough = [data.min_count] * len(self.schema.categorical) + [model.cross_min_count] * len(self.crosses)
        known = [(column.frequent, data.min_count) for column in self.schema.numeric if model.merge == "none"]
        return rows_of_fold(rows_of_folds(), self._fold, self.crosses, self.sizes, enough, known)

    @cached_property
    def statistics(self) -> Statistics | None:
        """What the target was for each code in the training rows; None where the network is not told."""
        if not self.config.model.target_statistics:
            return None
        rows = self.rows.learned
        codes, group = np.asarray(rows.categorical), np.asarray(rows.group)
        return statistics(codes, self._targets(rows), group, self.sizes, self.seed)

    def build(self) -> "keras.Model":
        from pipeline.models import Features, Head, MlpSettings, embedding_mlp, resolved, with_statistics

        schema, train, told = self.schema, self.config.train, self.statistics
        quantiles, known = [c.quantiles for c in schema.numeric], [c.frequent for c in schema.numeric]
        features = Features(self.sizes, quantiles, known, told.rows.shape[1] if told else 0)
        mean, std = schema.target_mean, schema.target_std
        if self._whole and schema.kind == "regression":
            # Not of all folds: the answers of its own are to be predicted.
            amounts = self.rows.learned.target.astype(np.float64)
            mean, std = float(amounts.mean()), float(amounts.std()) or 1.0
        head = Head(schema.kind, len(schema.classes), mean, std)
        axes = {field.name: getattr(self.config.model, field.name) for field in fields(MlpSettings)}
        precision = resolved(train.precision)
        name = fold_name(self._fold) if self._whole else self.config.model.name
        # Apart from the whole, of which it is a layer, it may be called what the others are called.
        inner = self.config.model.name if told else name
        network = embedding_mlp(
            features, head, MlpSettings(**axes), members=train.members, precision=precision, name=inner
        )
        if told is None:
            return network
        whole = name if self._whole else f"{name}_with_statistics"
        return with_statistics(network, self.sizes, told.tables, whole)

    def check(self) -> None:
        if faults := faults_of(self.config, self.schema):
            raise TaskError("\n".join(faults))
        if chosen := crossed_columns(self.config.model, self.schema):
            print(f"train: {told_of(self.crosses, chosen, self.schema)}", flush=True)
        if self.config.model.target_statistics:
            for warning in answers_among(self.schema):
                print(f"train: warning: {warning}", flush=True)

    def lesson(self, model: "keras.Model") -> Lesson:
        from pipeline.models import STATISTICS, loss_of, network_of
        from pipeline.training import ArrayExamples

        settings: TableTrain = self.config.train
        train, val = self.rows.learned, self.rows.validated
        network = network_of(model)
        given = train.inputs | ({STATISTICS: self.statistics.rows} if self.statistics else {})
        inputs = {name: np.asarray(array) for name, array in inputs_of(network, given).items()}
        return Lesson(
            ArrayExamples(inputs, np.asarray(train.target), settings.batch_size),
            loss=loss_of(
                self.schema.kind, self.schema.target_std, settings.label_smoothing, self._class_weights(train.target)
            ),
            # The whole: it looks up what the trained part is given.
            validate=lambda _network: (score_of(self.schema, val, outputs(model, val.inputs))(np.ones(len(val))), ""),
            rests=True,
            network=network,
        )

    def train(
        self,
        model: "keras.Model",
        start: "Checkpoint | None",
        checkpoints: "Checkpoints",
        on_epoch: "Callable[[EpochRecord], None]",
    ) -> "Sequence[EpochRecord]":
        history = super().train(model, start, checkpoints, on_epoch)
        if self.rows.unseen is not None:
            from pipeline.models import make_unknown

            # From here on it takes the codes of all folds.
            make_unknown(model, self.rows.unseen)
            # Copies of most of the table; the next fold makes its own.
            for name in ("rows", "statistics"):
                self.__dict__.pop(name, None)
        return history

    def save(self, model: "keras.Model", folder: Path) -> None:
        super().save(model, folder)
        if self.crosses:
            write_bytes(folder / CROSSES, to_bytes(self.crosses))

    def evaluate(self, folder: Path) -> Evaluation:
        from pipeline.models import load_model

        model, crosses = load_model(folder / MODEL), read_crosses(folder)
        test = Arrays.load(PROCESSED / "test")
        found = {"test": (test, outputs(model, inputs_with(crosses, test))), "val": self._validated(model, crosses)}
        scores, tables = {}, {}
        for split, (arrays, output) in found.items():
            samples = self.config.evaluate.bootstrap_samples
            print(f"evaluate: {split}: {len(arrays):,} rows, {samples} resamples", flush=True)
            scores[split] = scores_of(self.schema, self.config.evaluate, arrays, output)
            tables[split] = table_of(self.schema, arrays, output, folds=split == "val" and self.config.data.folds > 1)
        curves = curves_of(self.schema, *found["test"])
        unlabelled = self.config.data.unlabelled
        submission = partial(self._write_submission, folder, unlabelled) if unlabelled else None
        notes = {}
        if self.config.data.folds > 1:
            value, (low, high) = scores["val"].values[self.headline], scores["val"].intervals[self.headline]
            notes["out_of_fold"] = f"{self.headline} {figure(value)} ({figure(low)} … {figure(high)})"
        return Evaluation(scores, curves, tables, notes, write_besides=submission)

    def _validated(self, model: "keras.Model", crosses: Sequence[Cross]) -> tuple[Arrays, Output]:
        """Return the rows that were validated on, and what the network puts out for them; of folds, each row's own."""
        from pipeline.models import members_of

        folds = self.config.data.folds
        if folds == 1:
            rows = Arrays.load(PROCESSED / "val")
            return rows, outputs(model, inputs_with(crosses, rows))
        networks = {network.name: network for network in members_of(model)}
        rows = rows_of_folds()
        output = np.empty((len(rows), model.output_shape[-1]), np.float32)
        for fold in range(folds):
            held = rows.fold == fold
            output[held] = outputs(networks[fold_name(fold)], inputs_with(crosses, rows[held]))
        return rows, output

    def baselines(self) -> Iterator[tuple[str, Scores]]:
        from pipeline.tasks import table_baselines

        test = Arrays.load(PROCESSED / "test")
        for name, baseline in table_baselines.available().items():
            each = [baseline(splits, self.schema) for splits in splits_of_folds(self.config.data.folds)]
            yield name, scores_of(self.schema, self.config.evaluate, test, np.mean(each, axis=0))

    @classmethod
    def predictor(cls, folder: Path) -> Predictor:
        return TablePredictor.load(folder)

    def untrained(self) -> Predictor:
        return TablePredictor(self.schema, self.together([fold.build() for fold in self.folds()]), self.crosses)

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

    def score_of(self, predictor: Any, _asked: Any, networks: Mapping[str, Any]) -> tuple[str, float, int]:
        val, network = Arrays.load(PROCESSED / "val"), networks["network"]
        rows = val[np.linspace(0, len(val) - 1, min(len(val), SCORED)).astype(np.int64)]
        inputs = inputs_with(predictor.crosses, rows)
        parts = [
            network(**{name: inputs[name][start : start + SCORED_AT_ONCE] for name in network.inputs})
            for start in range(0, len(rows), SCORED_AT_ONCE)
        ]
        value = score_of(self.schema, rows, np.concatenate(parts))(np.ones(len(rows)))[self.headline]
        # Of folds all networks but one have learned from these rows.
        name = f"{self.headline}_in_sample" if self.config.data.folds > 1 else self.headline
        return name, value, len(rows)

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
