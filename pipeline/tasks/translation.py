"""Translation: ties corpus, network, loop, search and scores together."""

import re
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pipeline.config import (
    TRANSLATION_MONITORS,
    TranslationData,
    TranslationEvaluate,
    TranslationTrain,
)
from pipeline.data.corpora import PADDING, CorpusSchema, CorpusSettings, Sentences, fitted, prepare_corpus
from pipeline.storage import AUDIT, PROCESSED, RAW, write_json, write_text
from pipeline.tasks.predictor import Batches, Predictor
from pipeline.tasks.task import SAMPLES, Column, Evaluation, Lesson, Scores, Task
from pipeline.tasks.translation_predictor import TranslationPredictor, is_trimmed
from pipeline.tasks.translation_report import attention_maps, examples_page

if TYPE_CHECKING:
    import keras

    from pipeline.metrics import Curve, TranslationScores

SCORED = 100
"""Sentences of the validation split on which formats of fewer bits are scored."""
SAMPLE_STEPS = 8
"""Words, one after the other, on which formats of the decoder are compared."""
BY_CHARACTER = ("ja", "jpn", "zh", "zho", "cmn", "yue", "th", "tha")
"""Languages without spaces between words."""


class TranslationTask(Task):
    """Networks that translate sentences."""

    @cached_property
    def schema(self) -> CorpusSchema:
        """Facts that preprocess found."""
        return CorpusSchema.load(PROCESSED)

    @property
    def monitors(self) -> tuple[str, ...]:
        return TRANSLATION_MONITORS

    def preprocess(self) -> str:
        data: TranslationData = self.config.data
        settings = CorpusSettings(
            languages=(data.source_lang, data.target_lang),
            train=data.train,
            val=data.val,
            test=data.test,
            columns=data.columns,
            missing=data.missing,
            leave_out=data.leave_out,
            tokenizers=(data.tokenizer[data.source_lang], data.tokenizer[data.target_lang]),
            lowercase=data.lowercase,
            max_tokens=data.max_tokens,
            vocabulary_size=data.vocabulary_size,
            min_count=data.min_count,
            whole_file=data.vocabulary_of == "file",
            hold_out_last=data.hold_out == "last",
            validation_fraction=data.validation_fraction,
            test_fraction=data.test_fraction,
            split_seed=data.split_seed,
        )
        prepared = data.model_dump(mode="json")
        schema, warnings = prepare_corpus(settings, prepared, RAW, PROCESSED, self.config.task)
        write_json(AUDIT, {"pairs": schema.pairs, "left_out": schema.left_out, "warnings": warnings})
        write_text(AUDIT.with_suffix(".md"), _page(self.config.name, schema, warnings))
        for each in warnings:
            print(f"preprocess: warning: {each['subject']}: {each['text']}", flush=True)
        pairs = ", ".join(f"{name} {count:,}" for name, count in schema.pairs.items())
        left_out = ", ".join(f"{count:,} {reason}" for reason, count in schema.left_out.items())
        return (
            f"{' to '.join(schema.languages)}; vocabularies of {schema.words[0]:,} and {schema.words[1]:,} words; "
            f"pairs: {pairs}; left out: {left_out or 'none'}"
        )

    def build(self) -> "keras.Model":
        from pipeline import models

        train, settings = self.config.train, self.config.model
        schema = self.schema
        is_fixed = not getattr(settings, "mask", True)
        source_length, target_length = schema.lengths if is_fixed else (None, None)
        sizes = models.Sizes(*schema.words, source_length, target_length, schema.max_tokens + 2)
        return models.translator(sizes, precision=models.resolved(train.precision), **settings.model_dump())

    def check(self) -> None:
        """Nothing: whatever the configuration lets pass, the networks can do on any corpus."""

    def lesson(self, model: "keras.Model") -> Lesson:
        from pipeline.models import word_loss
        from pipeline.training import SentenceExamples

        settings: TranslationTrain = self.config.train
        train, val = Sentences.load(PROCESSED / "train"), Sentences.load(PROCESSED / "val")
        trimmed = is_trimmed(model)
        source, target = self._widths(train, trimmed)
        predictor = TranslationPredictor(self.schema, model)
        return Lesson(
            SentenceExamples(source, target, settings.batch_size, settings.batch_unit, trimmed=trimmed),
            loss=word_loss(settings.label_smoothing, trimmed=trimmed),
            validate=lambda _network: self._validate(predictor, val),
        )

    def evaluate(self, folder: Path) -> Evaluation:
        predictor = TranslationPredictor.load(folder)
        scores, curves, tables, notes = {}, {}, {}, {}
        for split in ("test", "val"):
            pairs = Sentences.load(PROCESSED / split)
            beam = self.config.evaluate.beam
            print(f"evaluate: {split}: {len(pairs):,} sentences, beam {beam}", flush=True)
            translations = self._translated(predictor, pairs)
            score = self._score(predictor, pairs, translations)
            scores[split] = self._scores(score, len(pairs))
            tables[split] = _table(pairs, translations, score)
            if split == "test":
                curves = self._curves(pairs, score)
                notes["signature"] = score.signature
        return Evaluation(scores, curves, tables, notes, partial(self._write_besides, predictor))

    def baselines(self) -> Iterator[tuple[str, Scores]]:
        from pipeline.tasks import translation_baselines

        train, test = Sentences.load(PROCESSED / "train"), Sentences.load(PROCESSED / "test")
        for name, baseline in translation_baselines.BASELINES.items():
            translations = baseline(train, test.source_text)
            yield name, self._scores(self._score(None, test, translations), len(test))

    @classmethod
    def predictor(cls, folder: Path) -> Predictor:
        return TranslationPredictor.load(folder)

    def untrained(self) -> Predictor:
        return TranslationPredictor(self.schema, self.build())

    def columns(self) -> list[Column]:
        return [Column("source", False)]

    def outputs(self) -> list[Column]:
        return [Column("translation", False), Column("score", True)]

    def example(self) -> list[dict[str, Any]]:
        return [{"source": text} for text in Sentences.load(PROCESSED / "test").source_text[:3]]

    def encoded_samples(self, predictor: Any, networks: Mapping[str, "keras.Model"]) -> Batches:
        from pipeline.exporting import graph_in_keras

        encoder, decoder = graph_in_keras(networks["encoder"]), graph_in_keras(networks["decoder"])
        test = Sentences.load(PROCESSED / "test")
        width = networks["encoder"].inputs[0].shape[1] or int((test.source[:SAMPLES] != PADDING).sum(axis=1).max())
        source, target = fitted(test.source[:SAMPLES], width), test.target[:SAMPLES]
        state = {name: np.asarray(array) for name, array in encoder({"source": source}).items()}
        steps: list[dict[str, npt.NDArray[Any]]] = []
        for place in range(min(SAMPLE_STEPS, target.shape[1])):
            steps.append({"token": target[:, place : place + 1], **state})
            found = decoder(steps[-1])
            state = {name: np.asarray(found.get(name, array)) for name, array in state.items()}
        return {"encoder": [{"source": source}], "decoder": steps}

    def score_of(self, _predictor: Any, asked: Any, _networks: Mapping[str, Any]) -> tuple[str, float, int]:
        val = Sentences.load(PROCESSED / "val")
        count = min(SCORED, len(val.source_text))
        translated = [best[0][0] if best else "" for best in asked(val.source_text[:count], beam=1)]
        return "bleu", self._text_scores(translated, val.target_text[:count])(np.ones(count))["bleu"], count

    def _write_besides(self, predictor: TranslationPredictor, out: Path) -> str:
        written = examples_page(out, self.config.name)
        maps = attention_maps(predictor, Sentences.load(PROCESSED / "test"), out)
        return f"{written}, {maps}" if maps else written

    def _widths(self, pairs: Sentences, trimmed: bool) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int32]]:
        if trimmed:
            return pairs.source, pairs.target
        source, target = self.schema.lengths
        return fitted(pairs.source, source), fitted(pairs.target, target + 1)

    def _validate(self, predictor: TranslationPredictor, val: Sentences) -> tuple[dict[str, float], str]:
        settings: TranslationTrain = self.config.train
        words = predictor.word_scores(*self._widths(val, is_trimmed(predictor.model)))
        count, right, loss = words.sum(axis=1)
        chosen = slice(settings.decode_sentences)
        texts = predictor.texts(val.source[chosen])
        found = self._text_scores(texts, val.target_text[chosen])(np.ones(len(texts)))
        shown = [
            f"{val.source_text[row]}\n  → {texts[row]}\n  = {val.target_text[row]}"
            for row in range(min(settings.samples, len(texts)))
        ]
        return {**found, "token_accuracy": float(right / count), "loss": float(loss / count)}, "\n".join(shown)

    def _translated(self, predictor: TranslationPredictor, pairs: Sentences) -> list[str]:
        from pipeline.decoding import SearchSettings

        settings: TranslationEvaluate = self.config.evaluate
        search = SearchSettings(
            beam=settings.beam,
            length_penalty=settings.length_penalty,
            min_length=settings.min_length,
            max_length=settings.max_length,
            batch=settings.batch_sentences,
        )
        return predictor.texts(pairs.source, search)

    def _score(
        self,
        predictor: TranslationPredictor | None,
        pairs: Sentences,
        translations: Sequence[str],
    ) -> "TranslationScores":
        words = None
        if predictor is not None:
            words = predictor.word_scores(*self._widths(pairs, is_trimmed(predictor.model)))
        return self._text_scores(translations, pairs.target_text, words)

    def _text_scores(
        self, translations: Sequence[str], references: Sequence[str], words: Any = None
    ) -> "TranslationScores":
        from pipeline.metrics import TranslationScores

        if self.schema.lowercase:
            translations, references = ([text.lower() for text in texts] for texts in (translations, references))
        return TranslationScores(translations, references, self._bleu_tokens(), words)

    def _bleu_tokens(self) -> str:
        asked: str = self.config.data.bleu_tokens
        if asked != "auto":
            return asked
        if self.schema.tokenizers[1] == "whitespace":
            return "none"
        language = re.split("[-_]", self.schema.languages[1].lower())[0]
        return "char" if language in BY_CHARACTER else "13a"

    def _scores(self, score: "TranslationScores", count: int) -> Scores:
        from pipeline.metrics import intervals

        settings: TranslationEvaluate = self.config.evaluate
        ranges = intervals(score, np.arange(count), settings.bootstrap_samples, settings.confidence)
        return Scores(score(np.ones(count)), ranges)

    def _curves(self, pairs: Sentences, score: "TranslationScores") -> dict[str, "Curve"]:
        from pipeline.metrics import bleu_by_length

        lengths = (pairs.source != PADDING).sum(axis=1) - 2
        return {"bleu_by_length": bleu_by_length(score, lengths)}


def _table(pairs: Sentences, translations: Sequence[str], score: "TranslationScores") -> pa.Table:
    return pa.table(
        {
            "source": pairs.source_text,
            "reference": pairs.target_text,
            "translation": list(translations),
            "chrf": score.by_sentence(),
        }
    )


def _page(name: str, schema: CorpusSchema, warnings: Sequence[dict[str, str]]) -> str:
    lines = [f"# {name}: the corpus", "", "| split | pairs |", "|---|---|"]
    lines += [f"| {split} | {count:,} |" for split, count in schema.pairs.items()]
    lines += ["", "| left out | pairs |", "|---|---|"]
    lines += [f"| {reason} | {count:,} |" for reason, count in schema.left_out.items()] or ["| nothing | |"]
    lines += ["", "| side | language | words | longest, with its marks |", "|---|---|---|---|"]
    rows = zip(("source", "target"), schema.languages, schema.words, schema.lengths, strict=True)
    lines += [f"| {side} | {language} | {words:,} | {length} |" for side, language, words, length in rows]
    lines += ["", *(f"- {each['subject']}: {each['text']}" for each in warnings)]
    return "\n".join(lines).rstrip() + "\n"
