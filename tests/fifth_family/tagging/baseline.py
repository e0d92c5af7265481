"""The tag that each word had most often."""

from collections.abc import Iterator

import numpy as np
from pipeline.families.tagging.data.tagged import load_split
from pipeline.families.tagging.metrics.scores import TagScores

from pipeline.storage import PROCESSED
from pipeline.tasks import BaselineTask, Scores


class TaggingBaselines(BaselineTask):
    def scores(self) -> Iterator[tuple[str, Scores]]:
        (words, tags), (test_words, test_tags) = load_split(PROCESSED, "train"), load_split(PROCESSED, "test")
        counts = np.zeros((len(self.schema.words) + 1, len(self.schema.tags) + 1))
        np.add.at(counts, (words[tags > 0], tags[tags > 0]), 1)
        score = TagScores(test_tags, counts.argmax(axis=1)[test_words])
        yield "most frequent tag", Scores.resampled(score, np.arange(len(score)), self.config.evaluate)
