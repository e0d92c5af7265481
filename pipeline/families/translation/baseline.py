"""Simple translation baselines."""

from collections.abc import Callable, Iterator, Sequence

import numpy as np

from pipeline.families.translation.data.sentences import Sentences
from pipeline.families.translation.metrics.scoring import text_scores
from pipeline.storage import PROCESSED
from pipeline.tasks import BaselineTask, Scores


def memory(train: Sentences, sources: Sequence[str]) -> list[str]:
    """Return the translation of the most similar training sentence, by TF-IDF of character n-grams."""
    from sklearn.feature_extraction.text import TfidfVectorizer

    vectorizer = TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 4), sublinear_tf=True)
    known = vectorizer.fit_transform(train.source_text)
    queries = vectorizer.transform(sources)
    nearest: list[int] = []
    for start in range(0, len(sources), 500):
        similarity = queries[start : start + 500] @ known.T
        nearest += np.asarray(similarity.argmax(axis=1)).reshape(-1).tolist()
    return [train.target_text[row] for row in nearest]


def copy(_train: Sentences, sources: Sequence[str]) -> list[str]:
    """Return the source sentences unchanged."""
    return list(sources)


BASELINES: dict[str, Callable[[Sentences, Sequence[str]], list[str]]] = {
    "translation memory": memory,
    "the source itself": copy,
}


class TranslationBaselines(BaselineTask):
    """Score a translation memory and the unchanged source sentences."""

    def scores(self) -> Iterator[tuple[str, Scores]]:
        """Yield the name and test scores of each baseline."""
        train, test = Sentences.load(PROCESSED / "train"), Sentences.load(PROCESSED / "test")
        for name, baseline in BASELINES.items():
            translations = baseline(train, test.source_text)
            score = text_scores(self.schema, self.config.data.bleu_tokens, translations, test.target_text)
            yield name, Scores.resampled(score, np.arange(len(test)), self.config.evaluate)
