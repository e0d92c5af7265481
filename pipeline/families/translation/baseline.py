"""What simple models translate."""

from collections.abc import Callable, Iterator, Sequence

import numpy as np

from pipeline.families.translation.data.sentences import Sentences
from pipeline.families.translation.metrics.scoring import text_scores
from pipeline.storage import PROCESSED
from pipeline.tasks import BaselineTask, Scores


def memory(train: Sentences, sources: Sequence[str]) -> list[str]:
    """Take the translation of the most similar training sentence, by weighted character n-grams."""
    from sklearn.feature_extraction.text import TfidfVectorizer

    counter = TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 4), sublinear_tf=True)
    known = counter.fit_transform(train.source_text)
    asked = counter.transform(sources)
    nearest: list[int] = []
    for start in range(0, len(sources), 500):
        likeness = asked[start : start + 500] @ known.T
        nearest += np.asarray(likeness.argmax(axis=1)).reshape(-1).tolist()
    return [train.target_text[place] for place in nearest]


def copy(_train: Sentences, sources: Sequence[str]) -> list[str]:
    """Leave the sentence as it is."""
    return list(sources)


BASELINES: dict[str, Callable[[Sentences, Sequence[str]], list[str]]] = {
    "translation memory": memory,
    "the source itself": copy,
}


class TranslationBaselines(BaselineTask):
    """A translation memory, and the source sentence as it is."""

    def scores(self) -> Iterator[tuple[str, Scores]]:
        """Translate and score with each."""
        train, test = Sentences.load(PROCESSED / "train"), Sentences.load(PROCESSED / "test")
        for name, baseline in BASELINES.items():
            translations = baseline(train, test.source_text)
            score = text_scores(self.schema, self.config.data.bleu_tokens, translations, test.target_text)
            yield name, Scores.resampled(score, np.arange(len(test)), self.config.evaluate)
