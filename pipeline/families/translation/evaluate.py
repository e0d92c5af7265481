"""Evaluation of a translation network on the held-out sentences."""

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pipeline.families.translation.data.sentences import Sentences
from pipeline.families.translation.data.tokens import PADDING, UNKNOWN
from pipeline.families.translation.metrics.report import attention_maps, examples_page
from pipeline.families.translation.metrics.scores import TranslationScores, bleu_by_length
from pipeline.families.translation.metrics.scoring import text_scores
from pipeline.families.translation.models.translate import search_of
from pipeline.families.translation.predictor import TranslationPredictor
from pipeline.storage import PROCESSED
from pipeline.tasks import Evaluation, EvaluationTask, Scores

if TYPE_CHECKING:
    from pipeline.metrics import Slice

MOST_WORST = 100
"""Largest number of sentences in the table of the worst translations."""


class EvaluateTranslation(EvaluationTask):
    """Compute BLEU, chrF and next-word scores; write the best and worst translations."""

    def evaluate(self, folder: Path) -> Evaluation:
        """Translate and score the test and validation sentences."""
        predictor = TranslationPredictor.load(folder)
        translator = predictor.translator
        scores, curves, tables, notes, slices = {}, {}, {}, {}, []
        for split in ("test", "val"):
            pairs = Sentences.load(PROCESSED / split)
            print(f"evaluate: {split}: {len(pairs):,} sentences, beam {self.config.evaluate.beam}", flush=True)
            translations = translator.texts(pairs.source, search_of(self.config.evaluate))
            words = translator.word_scores(*translator.widths(pairs))
            tokens = self.config.data.bleu_tokens
            score = text_scores(self.schema, tokens, translations, pairs.target_text, words)
            scores[split] = Scores.resampled(score, np.arange(len(pairs)), self.config.evaluate)
            tables[split] = _table(pairs, translations, score)
            if split == "test":
                lengths = (pairs.source != PADDING).sum(axis=1) - 2
                curves = {"bleu_by_length": bleu_by_length(score, lengths)}
                notes["signature"] = score.signature
                slices = self._slices(pairs, lengths, score)
        return Evaluation(
            scores,
            curves,
            tables,
            notes,
            partial(self._write_extras, predictor),
            slices=slices,
            worst=self._worst(tables["test"]),
            identity=("source", "reference"),
            parameters=predictor.model.count_params(),
        )

    def facts(self) -> dict[str, str]:
        """Return the languages, the vocabularies and the number of pairs."""
        schema = self.schema
        return {
            "languages": " to ".join(schema.languages),
            "tokenizers": ", ".join(schema.tokenizers),
            "vocabularies": " and ".join(f"{words:,}" for words in schema.words) + " tokens",
            "pairs": ", ".join(f"{split} {count:,}" for split, count in schema.pairs.items()),
        }

    def _slices(
        self, pairs: Sentences, lengths: npt.NDArray[np.integer[Any]], score: TranslationScores
    ) -> "list[Slice]":
        from pipeline.metrics import Slicing, by_number, restricted, score_slices

        unknown = (pairs.source == UNKNOWN).sum(axis=1)
        slicings = [
            by_number("tokens of the source", lengths.astype(np.float64)),
            Slicing("unknown tokens of the source", ["none", "one", "two or more"], np.minimum(unknown, 2)),
        ]
        confidence = self.config.evaluate.confidence
        return score_slices(slicings, partial(restricted, score), np.arange(len(pairs)), self.headline, confidence)

    def _worst(self, table: pa.Table) -> pa.Table:
        order = np.argsort(table["chrf"].to_numpy(), kind="stable")[:MOST_WORST]
        return table.take(pa.array(order)).select(["chrf", "source", "translation", "reference"])

    def _write_extras(self, predictor: TranslationPredictor, out: Path) -> str:
        page = examples_page(out, self.config.name)
        maps = attention_maps(predictor, Sentences.load(PROCESSED / "test"), out)
        return f"{page}, {maps}" if maps else page


def _table(pairs: Sentences, translations: list[str], score: TranslationScores) -> pa.Table:
    return pa.table(
        {
            "source": pairs.source_text,
            "reference": pairs.target_text,
            "translation": translations,
            "chrf": score.by_sentence(),
        }
    )
