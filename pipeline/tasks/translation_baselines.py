"""What simple models translate."""

from collections.abc import Callable, Sequence

import numpy as np

from pipeline.data.corpora import Sentences


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
