"""Simple models to compare the threshold network with."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from pipeline.families.threshold.data.points import Points
from pipeline.families.threshold.metrics.scores import ThresholdScores
from pipeline.storage import PROCESSED
from pipeline.tasks import BaselineTask, Scores


class ThresholdBaselines(BaselineTask):
    """The majority side and logistic regression."""

    def scores(self) -> Iterator[tuple[str, Scores]]:
        """Fit and score each baseline."""
        from sklearn.linear_model import LogisticRegression

        train, test = Points.load(PROCESSED / "train"), Points.load(PROCESSED / "test")
        majority = np.full(len(test), 1.0 if train.labels.mean() > 0 else -1.0)
        yield "the more frequent side", self._scores(test, majority)
        linear = LogisticRegression().fit(train.points, train.labels)
        yield "logistic regression", self._scores(test, linear.predict(test.points))

    def _scores(self, test: Points, outputs: Any) -> Scores:
        score = ThresholdScores(test.labels, outputs)
        return Scores.resampled(score, np.arange(len(test)), self.config.evaluate)
