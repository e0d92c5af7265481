"""Trains a tagger."""

from typing import TYPE_CHECKING

import numpy as np
from pipeline.families.tagging.data.tagged import load_split
from pipeline.families.tagging.metrics.scores import TagScores

from pipeline.storage import PROCESSED
from pipeline.tasks import TrainingSpec, TrainingTask

if TYPE_CHECKING:
    import keras


class TrainTagger(TrainingTask):
    def build(self) -> "keras.Model":
        from pipeline.families.tagging.models.tagger import tagger

        schema = self.schema
        return tagger(len(schema.words), len(schema.tags), schema.max_length, self.config.model)

    def spec(self, model: "keras.Model") -> TrainingSpec:
        from pipeline.families.tagging.models.tagger import tag_loss

        from pipeline.training import ArrayExamples

        (words, tags), (val_words, val_tags) = load_split(PROCESSED, "train"), load_split(PROCESSED, "val")

        def validate(network: "keras.Model") -> tuple[dict[str, float], str]:
            predicted = network.predict_on_batch({"words": val_words})[..., 1:].argmax(axis=-1) + 1
            return TagScores(val_tags, predicted)(np.ones(len(val_tags))), ""

        examples = ArrayExamples({"words": words}, tags.astype(np.float32), self.config.train.batch_size)
        return TrainingSpec(examples, tag_loss, validate)
