"""Points and a threshold: the smallest network of all, whose every number can be worked out by hand."""

from collections.abc import Iterator, Mapping
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pipeline.config import THRESHOLD_MONITORS, Evaluate, ThresholdData, Train
from pipeline.data.points import Points, PointsSchema, draw_points
from pipeline.storage import AUDIT, PROCESSED, write_json, write_text
from pipeline.tasks.predictor import Batches, Predictor
from pipeline.tasks.task import SAMPLES, Column, Evaluation, Lesson, Scores, Task
from pipeline.tasks.threshold_predictor import ThresholdPredictor, calculation

if TYPE_CHECKING:
    import keras

    from pipeline.metrics import ThresholdScores

PICTURE = "decision.png"


class ThresholdTask(Task):
    """Networks that tell on which side of a threshold a sum is."""

    @cached_property
    def schema(self) -> PointsSchema:
        """Facts that preprocess wrote down."""
        return PointsSchema.load(PROCESSED)

    @property
    def monitors(self) -> tuple[str, ...]:
        return THRESHOLD_MONITORS

    def preprocess(self) -> str:
        data: ThresholdData = self.config.data
        prepared = data.model_dump(mode="json")
        schema = PointsSchema(self.config.task, prepared, data.dimensions, data.threshold)
        train = int(data.points * (1 - data.validation_fraction))
        counts = {"train": train, "val": data.points - train, "test": data.test_points}
        shares = draw_points(schema, counts, data.split_seed, PROCESSED)
        lines = [f"{name} {count:,} ({shares[name]:.1%} above)" for name, count in counts.items()]
        write_json(AUDIT, {"points": counts, "above": shares, "warnings": []})
        write_text(AUDIT.with_suffix(".md"), "\n".join([f"# {self.config.name}: the points", "", *lines]) + "\n")
        return f"points in {data.dimensions} dimensions, threshold {data.threshold:g}: {', '.join(lines)}"

    def build(self) -> "keras.Model":
        from pipeline.models import TanhMlpSettings, tanh_mlp

        axes = self.config.model.model_dump(exclude={"name"})
        return tanh_mlp(self.schema.dimensions, TanhMlpSettings(**axes))

    def check(self) -> None:
        """Nothing: whatever the configuration lets pass, the network can do."""

    def lesson(self, model: "keras.Model") -> Lesson:
        from pipeline.metrics import ThresholdScores
        from pipeline.models import hinge_loss
        from pipeline.training import ArrayExamples

        settings: Train = self.config.train
        train, val = Points.load(PROCESSED / "train"), Points.load(PROCESSED / "val")
        predictor = ThresholdPredictor(self.schema, model)
        return Lesson(
            ArrayExamples({"point": train.points}, train.labels, settings.batch_size),
            loss=hinge_loss,
            validate=lambda _network: (
                ThresholdScores(val.labels, predictor.outputs(val.points))(np.ones(len(val))),
                "",
            ),
        )

    def evaluate(self, folder: Path) -> Evaluation:
        predictor = ThresholdPredictor.load(folder)
        scores, tables, curves = {}, {}, {}
        for split in ("test", "val"):
            part = Points.load(PROCESSED / split)
            print(f"evaluate: {split}: {len(part):,} points", flush=True)
            output = predictor.outputs(part.points)
            scores[split], score = self._scores(part.labels, output)
            named = {name: part.points[:, place] for place, name in enumerate(self.schema.names)}
            tables[split] = pa.table({**named, "label": part.labels, "output": output})
            if split == "test":
                distances = part.points.sum(axis=1, dtype=np.float64) - self.schema.threshold
                curves = {"accuracy_by_distance": score.by_distance(distances)}
        return Evaluation(scores, curves, tables, write_besides=partial(self._write_besides, predictor))

    def baselines(self) -> Iterator[tuple[str, Scores]]:
        from sklearn.linear_model import LogisticRegression

        train, test = Points.load(PROCESSED / "train"), Points.load(PROCESSED / "test")
        often = np.full(len(test), 1.0 if train.labels.mean() > 0 else -1.0)
        yield "the more frequent side", self._scores(test.labels, often)[0]
        linear = LogisticRegression().fit(train.points, train.labels)
        yield "logistic regression", self._scores(test.labels, linear.predict(test.points))[0]

    @classmethod
    def predictor(cls, folder: Path) -> Predictor:
        return ThresholdPredictor.load(folder)

    def untrained(self) -> Predictor:
        return ThresholdPredictor(self.schema, self.build())

    def columns(self) -> list[Column]:
        return [Column(name, True) for name in self.schema.names]

    def outputs(self) -> list[Column]:
        return [Column("side", True), Column("output", True)]

    def example(self) -> list[dict[str, Any]]:
        points = Points.load(PROCESSED / "test").points[:3].tolist()
        return [dict(zip(self.schema.names, point, strict=True)) for point in points]

    def encoded_samples(self, predictor: Any, networks: Mapping[str, "keras.Model"]) -> Batches:
        few = Points.load(PROCESSED / "test").points[:SAMPLES]
        return {name: [{"point": few}] for name in networks}

    def score_of(self, _predictor: Any, asked: Any, _networks: Mapping[str, Any]) -> tuple[str, float, int]:
        from pipeline.metrics import ThresholdScores

        val = Points.load(PROCESSED / "val")
        score = ThresholdScores(val.labels, np.asarray(asked(val.points)))
        return self.headline, score(np.ones(len(val.labels)))[self.headline], len(val.labels)

    def _scores(self, labels: npt.NDArray[Any], outputs: npt.NDArray[Any]) -> tuple[Scores, "ThresholdScores"]:
        from pipeline.metrics import ThresholdScores, intervals

        settings: Evaluate = self.config.evaluate
        score = ThresholdScores(labels, outputs)
        ranges = intervals(score, np.arange(len(labels)), settings.bootstrap_samples, settings.confidence)
        return Scores(score(np.ones(len(labels))), ranges), score

    def _write_besides(self, predictor: ThresholdPredictor, out: Path) -> str:
        from pipeline.metrics import plots

        test, written = Points.load(PROCESSED / "test"), []
        if by_hand := calculation(predictor.model, test.points[0]):
            write_text(out / "by_hand.txt", f"{by_hand}\n")
            written.append("by_hand.txt")
        if self.schema.dimensions != 2:
            return ", ".join(written) or "no picture of so many dimensions"
        grid = np.linspace(0, 1, 101, dtype=np.float32)
        across, up = np.meshgrid(grid, grid)
        heights = predictor.outputs(np.stack([across, up], axis=-1).reshape(-1, 2)).reshape(across.shape)
        plots.border(grid, heights, self.schema.threshold, test.points, test.labels).savefig(out / PICTURE, dpi=100)
        return ", ".join([PICTURE, *written])
