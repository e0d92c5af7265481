"""BLEU and chrF of fixed translations under changing weights, token accuracy and loss beside them."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from sacrebleu.metrics.bleu import BLEU
from sacrebleu.metrics.chrf import CHRF

Vector = npt.NDArray[np.floating[Any]]


class TranslationScores:
    """Scores of translations; what hangs on a single sentence is counted once.

    sacrebleu counts and computes (Post: A Call for Clarity in Reporting BLEU Scores, 2018).

    Args:
        translations: As text.
        references: As text, one a sentence.
        tokens: How sacrebleu cuts sentences for BLEU: `none`, `char`, `13a`, `intl`.
        words: Of each sentence, what the network was asked to predict, given the reference so far: how many, how many
            of them right, and the sum of their losses, `(3, sentences)`; None for scores of the text alone.
    """

    def __init__(
        self, translations: Sequence[str], references: Sequence[str], tokens: str, words: Vector | None = None
    ) -> None:
        # force: tokens with spaces between them are meant.
        self._bleu, self._chrf, self._words = BLEU(tokenize=tokens, force=True), CHRF(), words
        texts, known = list(translations), [list(references)]
        # Only corpora have a public way in; what they sum up is needed by sentence.
        self._bleu_counts = np.array(self._bleu._extract_corpus_statistics(texts, known), np.float64)
        self._chrf_counts = np.array(self._chrf._extract_corpus_statistics(texts, known), np.float64)

    @property
    def signature(self) -> str:
        """What a reader needs to compute the same scores."""
        names = [f"BLEU|{self._bleu.get_signature()}", f"chrF2|{self._chrf.get_signature()}"]
        return "; ".join(names)

    def __call__(self, weight: Vector) -> dict[str, float]:
        """Score under weights of the sentences, `(sentences,)`.

        Returns:
            `bleu`, `chrf` (0 … 100); with words `token_accuracy` and `loss` (a word) besides.
        """
        bleu = self._bleu._compute_score_from_stats(_rounded(weight @ self._bleu_counts))
        chrf = self._chrf._compute_score_from_stats(_rounded(weight @ self._chrf_counts))
        scores = {"bleu": float(bleu.score), "chrf": float(chrf.score)}
        if self._words is not None:
            count, right, loss = self._words @ weight
            scores |= {"token_accuracy": float(right / count), "loss": float(loss / count)}
        return scores

    def by_sentence(self) -> Vector:
        """Return each sentence's chrF, `(sentences,)`; its BLEU says little."""
        scores = [self._chrf._compute_score_from_stats(_rounded(row)).score for row in self._chrf_counts]
        return np.array(scores)


def bleu_by_length(
    score: TranslationScores, lengths: npt.NDArray[np.integer[Any]], parts: int = 6
) -> dict[str, list[float]]:
    """Return the curve of BLEU over the length of the source.

    Args:
        score: Of all sentences.
        lengths: Of each in words.
        parts: Groups of about as many sentences.

    Returns:
        `words` (mean of the group), `bleu` and `sentences`.
    """
    edges = np.unique(np.quantile(lengths, np.linspace(0, 1, parts + 1)[1:], method="inverted_cdf"))
    group = np.searchsorted(edges, lengths)
    curve: dict[str, list[float]] = {"words": [], "bleu": [], "sentences": []}
    for number in np.unique(group):
        chosen = group == number
        curve["words"].append(float(lengths[chosen].mean()))
        curve["bleu"].append(score(chosen.astype(np.float64))["bleu"])
        curve["sentences"].append(float(chosen.sum()))
    return curve


def _rounded(counts: Vector) -> list[int]:
    return [round(float(count)) for count in counts]
