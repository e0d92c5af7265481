"""Evaluate a network that predicts on which side of a threshold a point is."""

from functools import partial
from pathlib import Path

import numpy as np
import pyarrow as pa

from pipeline.families.threshold.data.points import Points
from pipeline.families.threshold.metrics.scores import ThresholdScores
from pipeline.families.threshold.predictor import ThresholdPredictor, calculation
from pipeline.storage import PROCESSED, write_text
from pipeline.tasks import Evaluation, EvaluationTask, Scores

PICTURE = "decision.png"
MOST_WORST = 20
"""Largest number of points in the table of the worst ones."""


class EvaluateThreshold(EvaluationTask):
    """Computes accuracy and hinge loss, draws the decision boundary, and writes out the calculation for one point."""

    def evaluate(self, folder: Path) -> Evaluation:
        """Score the test and validation points."""
        predictor = ThresholdPredictor.load(folder)
        scores, tables, curves = {}, {}, {}
        for split in ("test", "val"):
            part = Points.load(PROCESSED / split)
            print(f"evaluate: {split}: {len(part):,} points", flush=True)
            output = predictor.output(part.points)
            score = ThresholdScores(part.labels, output)
            scores[split] = Scores.resampled(score, np.arange(len(part)), self.config.evaluate)
            coordinates = {name: part.points[:, index] for index, name in enumerate(self.schema.names)}
            tables[split] = pa.table({**coordinates, "label": part.labels, "output": output})
            if split == "test":
                distances = part.points.sum(axis=1, dtype=np.float64) - self.schema.threshold
                curves = {"accuracy_by_distance": score.by_distance(distances)}
        return Evaluation(
            scores,
            curves,
            tables,
            write_extras=partial(self._write_extras, predictor),
            worst=self._worst(tables["test"]),
            identity=(*self.schema.names, "label"),
            parameters=predictor.model.count_params(),
        )

    def facts(self) -> dict[str, str]:
        """Return what decides the class of a point."""
        return {"target": f"whether {' + '.join(self.schema.names)} > {self.schema.threshold:g}"}

    def _worst(self, table: pa.Table) -> pa.Table:
        errors = np.abs(table["label"].to_numpy() - table["output"].to_numpy())
        return table.take(pa.array(np.argsort(-errors, kind="stable")[:MOST_WORST]))

    def _write_extras(self, predictor: ThresholdPredictor, out: Path) -> str:
        from pipeline.metrics import plots

        test, written = Points.load(PROCESSED / "test"), []
        if by_hand := calculation(predictor.model, test.points[0]):
            write_text(out / "by_hand.txt", f"{by_hand}\n")
            written.append("by_hand.txt")
        if self.schema.dimensions != 2:
            return (
                ", ".join(written) or f"no picture, because the points have {self.schema.dimensions} dimensions, not 2"
            )
        grid = np.linspace(0, 1, 101, dtype=np.float32)
        across, up = np.meshgrid(grid, grid)
        heights = predictor.output(np.stack([across, up], axis=-1).reshape(-1, 2)).reshape(across.shape)
        plots.border(grid, heights, self.schema.threshold, test.points, test.labels).savefig(out / PICTURE, dpi=100)
        return ", ".join([PICTURE, *written])
