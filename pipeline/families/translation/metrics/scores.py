"""BLEU, chrF, token accuracy and loss of fixed translations, for any weights of the sentences."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from sacrebleu.metrics.bleu import BLEU
from sacrebleu.metrics.chrf import CHRF

Vector = npt.NDArray[np.floating[Any]]


class TranslationScores:
    """Scores of translations; the statistics of each sentence are computed once.

    Statistics and scores are computed by sacrebleu (Post: A Call for Clarity in Reporting BLEU Scores, 2018).

    Args:
        translations: The translations as text.
        references: The reference translations as text, one per sentence.
        tokens: Tokenizer that sacrebleu uses for BLEU: `none`, `char`, `13a` or `intl`.
        lowercase: Whether upper and lower case count as the same, which the signatures then say.
        words: Next-word predictions of each sentence, given the reference so far: number of words, number of correct
            predictions and sum of the losses, shape (3, sentences); None to score only the texts.
    """

    def __init__(
        self,
        translations: Sequence[str],
        references: Sequence[str],
        tokens: str,
        *,
        lowercase: bool = False,
        words: Vector | None = None,
    ) -> None:
        # force=True: tokens separated by spaces are intended, so sacrebleu shall not warn about them.
        self._bleu, self._chrf = BLEU(lowercase, tokenize=tokens, force=True), CHRF(lowercase=lowercase)
        self._words = words
        texts, reference_sets = list(translations), [list(references)]
        # sacrebleu's public functions only score a whole corpus; the statistics of each sentence are needed here.
        self._bleu_counts = np.array(self._bleu._extract_corpus_statistics(texts, reference_sets), np.float64)
        self._chrf_counts = np.array(self._chrf._extract_corpus_statistics(texts, reference_sets), np.float64)

    @property
    def signature(self) -> str:
        """Sacrebleu's signatures, with which the same scores can be computed elsewhere."""
        names = [f"BLEU|{self._bleu.get_signature()}", f"chrF2|{self._chrf.get_signature()}"]
        return "; ".join(names)

    def __call__(self, weight: Vector) -> dict[str, float]:
        """Return the scores for weights of the sentences, shape (sentences,).

        Returns:
            `bleu` and `chrf` (0 … 100); also `token_accuracy` and `loss` (per word) if `words` were given.
        """
        bleu = self._bleu._compute_score_from_stats(_rounded(weight @ self._bleu_counts))
        chrf = self._chrf._compute_score_from_stats(_rounded(weight @ self._chrf_counts))
        scores = {"bleu": float(bleu.score), "chrf": float(chrf.score)}
        if self._words is not None:
            count, right, loss = self._words @ weight
            scores |= {"token_accuracy": float(right / count), "loss": float(loss / count)}
        return scores

    def by_sentence(self) -> Vector:
        """Return each sentence's chrF, shape (sentences,); BLEU of single sentences is not informative."""
        scores = [self._chrf._compute_score_from_stats(_rounded(row)).score for row in self._chrf_counts]
        return np.array(scores)


def bleu_by_length(
    score: TranslationScores, lengths: npt.NDArray[np.integer[Any]], parts: int = 6
) -> dict[str, list[float]]:
    """Return BLEU as a function of the length of the source sentence.

    Args:
        score: Scores of all sentences.
        lengths: Length of each source sentence in words.
        parts: Number of groups, of about equally many sentences.

    Returns:
        For each group, `words` (mean length), `bleu` and `sentences` (count).
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
