"""Compares an exported tagger with Keras."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from pipeline.families.tagging.data.tagged import load_split
from pipeline.families.tagging.metrics.scores import TagScores

from pipeline.storage import PROCESSED
from pipeline.tasks import SAMPLES, Batches, ExportTask


class ExportTagger(ExportTask):
    def encoded_samples(self, predictor: Any, networks: Mapping[str, Any]) -> Batches:
        words, _ = load_split(PROCESSED, "test")
        return {name: [{"words": words[:SAMPLES]}] for name in networks}

    def exported_score(self, predictor: Any, exported: Any, networks: Mapping[str, Any]) -> tuple[str, float, int]:
        words, tags = load_split(PROCESSED, "val")
        predicted = np.asarray(networks["network"](words=words))[..., 1:].argmax(axis=-1) + 1
        return "accuracy", TagScores(tags, predicted)(np.ones(len(tags)))["accuracy"], len(tags)
