"""Tables with a yes-or-no target: ties data, network, loop and scores together."""

import json
from collections.abc import Callable, Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pipeline.data import (
    SPLITS,
    Arrays,
    Holdout,
    Schema,
    Target,
    assemble,
    prepare,
)
from pipeline.storage import PROCESSED, RAW
from pipeline.tasks.table_predictor import MODEL, TablePredictor, inputs_of, layout_of, probabilities
from pipeline.tasks.task import Column, Evaluation, Predictor, Scores, Task

if TYPE_CHECKING:
    import keras

    from pipeline.metrics import Curve
    from pipeline.training import Checkpoint, Checkpoints, EpochRecord


class TableTask(Task):
    """Classifiers over categorical tables."""

    headline = "auc"

    @cached_property
    def schema(self) -> Schema:
        """Facts that preprocess found."""
        return Schema.load(PROCESSED)

    def preprocess(self) -> str:
        data = self.config.data
        layout = layout_of(data)
        schema = prepare(
            assemble(RAW, layout),
            PROCESSED,
            task=self.config.task,
            target=Target(data.target, data.target_at_least),
            categorical=data.categorical,
            numeric=data.numeric,
            min_count=data.min_count,
            holdout=Holdout(data.split_by, data.test_fraction, data.validation_fraction, data.split_seed),
            raw=layout.features,
            prepared=data.model_dump(mode="json"),
        )
        by = ", ".join(data.split_by)
        held = ", ".join(f"{name} {schema.rows[name]:,}" for name in schema.rows)
        groups = f" in {schema.groups['test']} of {sum(schema.groups.values())} groups ({by})" if by else ""
        return (
            f"{held} rows; test rows held out{groups}; {schema.dropped_without_target:,} rows without "
            f"{data.target} dropped; {len(schema.categorical)} categorical and {len(schema.numeric)} numeric columns"
        )

    def prepared(self) -> dict[str, Any]:
        return self.schema.prepared

    def build(self) -> "keras.Model":
        from pipeline.models import embedding_mlp

        settings = self.config.model.model_dump(exclude={"name"})
        return embedding_mlp(self.schema.cardinalities, [c.quantiles for c in self.schema.numeric], **settings)

    def train(
        self,
        model: "keras.Model",
        start: "Checkpoint | None",
        checkpoints: "Checkpoints",
        on_epoch: Callable[["EpochRecord"], None],
    ) -> Sequence["EpochRecord"]:
        from pipeline.metrics import HIGHER_IS_BETTER, binary_scores
        from pipeline.training import Objective, Schedule, Training

        settings = self.config.train
        train, val = Arrays.load(PROCESSED / "train"), Arrays.load(PROCESSED / "val")
        objective = Objective(
            loss=_binary_crossentropy,
            validate=lambda network: binary_scores(val.target, probabilities(network, val)),
            monitor=settings.monitor,
            higher_is_better=HIGHER_IS_BETTER[settings.monitor],
        )
        schedule = Schedule(
            settings.batch_size,
            settings.epochs,
            settings.learning_rate,
            settings.patience,
            settings.checkpoint_minutes,
            self.config.seed,
        )
        inputs = {name: np.asarray(array) for name, array in inputs_of(model, train).items()}
        training = Training(model, inputs, np.asarray(train.target), objective, schedule, checkpoints, on_epoch)
        return training.run(start)

    def save(self, model: "keras.Model", folder: Path) -> None:
        from pipeline.models import save_model

        save_model(model, folder / MODEL)
        self.schema.save(folder)

    def evaluate(self, folder: Path) -> Evaluation:
        from pipeline.models import load_model

        model = load_model(folder / MODEL)
        scores, curves, predictions = {}, {}, {}
        for split in ("test", "val"):
            arrays = Arrays.load(PROCESSED / split)
            probability = probabilities(model, arrays)
            print(
                f"evaluate: {split}: {len(arrays):,} rows, {self.config.evaluate.bootstrap_samples} resamples",
                flush=True,
            )
            scores[split] = self._scores(arrays, probability)
            predictions[split] = pa.table(
                {
                    "target": np.asarray(arrays.target, "int8"),
                    "probability": probability,
                    "group": np.asarray(arrays.group),
                }
            )
            if split == "test":
                curves = _curves(arrays.target, probability)
        return Evaluation(scores, curves, predictions)

    def baselines(self) -> Iterator[tuple[str, Scores]]:
        from pipeline.tasks import table_baselines

        splits = {split: Arrays.load(PROCESSED / split) for split in SPLITS}
        for name, baseline in table_baselines.available().items():
            yield name, self._scores(splits["test"], baseline(splits, self.schema.cardinalities))

    def _scores(self, arrays: Arrays, probability: npt.NDArray[Any]) -> Scores:
        from pipeline.metrics import BinaryScores, intervals

        settings = self.config.evaluate
        score = BinaryScores(arrays.target, probability)
        ranges = intervals(score, arrays.group, settings.bootstrap_samples, settings.confidence)
        return Scores(score(np.ones(len(arrays))), ranges)

    @classmethod
    def predictor(cls, folder: Path) -> Predictor:
        return TablePredictor(folder)

    def columns(self) -> list[Column]:
        layout = layout_of(self.config.data)
        return [Column(name, name in layout.numbers) for name in layout.features]

    def example(self) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = json.loads((PROCESSED / "example.json").read_text(encoding="utf-8"))
        return rows


def _binary_crossentropy(target: Any, output: Any) -> Any:
    from keras import ops

    return ops.mean(ops.binary_crossentropy(target, output[:, 0]))


def _curves(target: npt.NDArray[np.float32], probability: npt.NDArray[np.float32]) -> dict[str, "Curve"]:
    from pipeline.metrics import calibration, precision_recall, roc

    return {
        "roc": roc(target, probability),
        "precision_recall": precision_recall(target, probability),
        "calibration": calibration(target, probability),
    }
