"""Scores a tagger."""

from pathlib import Path

import numpy as np
import pyarrow as pa
from pipeline.families.tagging.data.tagged import load_split
from pipeline.families.tagging.metrics.scores import TagScores
from pipeline.families.tagging.predictor import TaggingPredictor

from pipeline.storage import PROCESSED
from pipeline.tasks import Evaluation, EvaluationTask, Scores


class EvaluateTagger(EvaluationTask):
    def evaluate(self, folder: Path) -> Evaluation:
        predictor, scores, tables = TaggingPredictor.load(folder), {}, {}
        for split in ("test", "val"):
            words, tags = load_split(PROCESSED, split)
            predicted = predictor.tags(words)
            score = TagScores(tags, predicted)
            scores[split] = Scores.resampled(score, np.arange(len(score)), self.config.evaluate)
            tables[split] = pa.table({"tags": tags.tolist(), "predicted": predicted.tolist()})
        return Evaluation(scores, {}, tables)
