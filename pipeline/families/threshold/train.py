"""Train a network to predict on which side of a threshold a point is."""

from typing import TYPE_CHECKING

import numpy as np

from pipeline.families.threshold.data.points import Points
from pipeline.storage import PROCESSED
from pipeline.tasks import TrainingSpec, TrainingTask

if TYPE_CHECKING:
    import keras


class TrainThreshold(TrainingTask):
    """Trains a multilayer perceptron with tanh and the hinge loss."""

    def build(self) -> "keras.Model":
        """Build the network."""
        from pipeline.families.threshold.models.tanh_mlp import tanh_mlp

        return tanh_mlp(self.schema.dimensions, self.config.model)

    def spec(self, model: "keras.Model") -> TrainingSpec:
        """Train on the drawn points; validate with accuracy and hinge loss."""
        from pipeline.families.threshold.metrics.scores import ThresholdScores
        from pipeline.families.threshold.models.tanh_mlp import hinge_loss, outputs
        from pipeline.training import ArrayExamples

        train, val = Points.load(PROCESSED / "train"), Points.load(PROCESSED / "val")

        def validate(network: "keras.Model") -> tuple[dict[str, float], str]:
            return ThresholdScores(val.labels, outputs(network, val.points))(np.ones(len(val))), ""

        examples = ArrayExamples({"point": train.points}, train.labels, self.config.train.batch_size)
        return TrainingSpec(examples, hinge_loss, validate)
