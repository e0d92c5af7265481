"""Compare an exported threshold network with Keras."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from pipeline.families.threshold.data.points import Points
from pipeline.families.threshold.metrics.scores import ThresholdScores
from pipeline.storage import PROCESSED
from pipeline.tasks import SAMPLES, Batches, ExportTask

if TYPE_CHECKING:
    import keras


class ExportThreshold(ExportTask):
    """Compares outputs and scores on points, which need no encoding."""

    def encoded_samples(self, predictor: Any, networks: Mapping[str, "keras.Model"]) -> Batches:
        """Return the first test points."""
        points = Points.load(PROCESSED / "test").points[:SAMPLES]
        return {name: [{"point": points}] for name in networks}

    def exported_score(self, predictor: Any, exported: Any, networks: Mapping[str, Any]) -> tuple[str, float, int]:
        """Score the validation points."""
        val = Points.load(PROCESSED / "val")
        score = ThresholdScores(val.labels, np.asarray(exported(val.points)))
        return self.headline, score(np.ones(len(val)))[self.headline], len(val)
