"""Types and ranges of the translation family's config sections."""

from collections.abc import Mapping
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from pipeline.config.sections import Evaluate, Fraction, Positive, Rate, Section, Source, Train

MONITORS = {"bleu": True, "chrf": True, "token_accuracy": True, "loss": False}
"""Validation scores that `train.monitor` may name, and whether higher is better; the first is the default."""

BEAM = 100
"""Largest beam."""
Language = Annotated[str, Field(pattern="^[A-Za-z][A-Za-z_-]*$")]
Files = Annotated[dict[Language, str], Field(min_length=2)]
Width = Annotated[int, Field(ge=1, le=65_536)]


class CorpusSource(Source):
    """Source of the raw files."""

    name: Literal["small_parallel_enja", "tatoeba", "own"]


class TranslationData(Section):
    """Settings of a parallel corpus."""

    renamed: ClassVar[Mapping[str, str]] = {"hold_out": "split"}

    source: CorpusSource
    source_lang: Language
    target_lang: Language
    train: Files
    val: Files | None
    test: Files | None
    columns: dict[Language, Positive | str] | None
    missing: list[str]
    leave_out: Annotated[dict[Language, str], Field(min_length=1)] | None
    tokenizer: dict[Language, Literal["whitespace", "word", "character", "unigram", "bpe"]]
    lowercase: bool
    max_tokens: Annotated[int, Field(ge=1, le=100_000)]
    vocabulary_size: Annotated[int, Field(ge=0)]
    min_count: Positive
    vocabulary_of: Literal["training", "file"]
    bleu_tokens: Literal["auto", "none", "char", "13a", "intl"]
    split: Literal["last", "sentences"]
    validation_fraction: Fraction
    test_fraction: Fraction
    split_seed: Annotated[int, Field(ge=0)]

    @property
    def languages(self) -> tuple[str, str]:
        """Source and target languages."""
        return self.source_lang, self.target_lang

    @property
    def tokenizers(self) -> tuple[str, str]:
        """Names of the source and target tokenizers."""
        return self.tokenizer[self.source_lang], self.tokenizer[self.target_lang]

    def contradictions(self) -> list[str]:
        """Return the contradictions between keys, one message each."""
        faults = []
        if self.source_lang == self.target_lang:
            faults.append(f"target_lang: must differ from source_lang, received {self.target_lang!r}")
        for key in ("source_lang", "target_lang"):
            language = getattr(self, key)
            for name, files in (
                ("train", self.train),
                ("val", self.val),
                ("test", self.test),
                ("columns", self.columns),
                ("tokenizer", self.tokenizer),
            ):
                if files is not None and language not in files:
                    faults.append(f"{key}: {name} has no language {language!r}, only {', '.join(files)}")
        for name, files in (
            ("train", self.train),
            ("val", self.val),
            ("test", self.test),
            ("leave_out", self.leave_out),
        ):
            faults += [
                f"{name}.{language}: {file!r} is not among source.files ({', '.join(self.source.files) or 'none'})"
                for language, file in (files or {}).items()
                if file not in self.source.files
            ]
        if self.columns is None:
            faults += [
                f"columns: {name} names {files[self.source_lang]!r} for both languages; set the column of each "
                f"language, for example {{{self.source_lang}: 1, {self.target_lang}: 2}}"
                for name, files in (("train", self.train), ("val", self.val), ("test", self.test))
                if files is not None and files.get(self.source_lang, 0) == files.get(self.target_lang, 1)
            ]
        taken = (0 if self.val else self.validation_fraction) + (0 if self.test else self.test_fraction)
        if taken >= 1:
            faults.append(
                f"validation_fraction: test and validation leave nothing to train on (together {taken:g}); "
                "their sum must be below 1"
            )
        return faults


class Seq2Seq(Section):
    """Settings of the network in `models/seq2seq.py`."""

    name: Literal["seq2seq"]
    embedding_dim: Width
    hidden_units: Width
    hidden_layers: Annotated[int, Field(ge=1, le=16)]
    dropout: Rate
    mask: bool


class Attention(Section):
    """Settings of the network in `models/attention.py`."""

    name: Literal["attention"]
    embedding_dim: Width
    hidden_units: Annotated[int, Field(ge=2, le=65_536, multiple_of=2)]
    hidden_layers: Annotated[int, Field(ge=1, le=16)]
    score: Literal["luong", "bahdanau"]
    tied: bool
    dropout: Rate


class Transformer(Section):
    """Settings of the network in `models/transformer.py`."""

    name: Literal["transformer"]
    embedding_dim: Width
    heads: Annotated[int, Field(ge=1, le=256)]
    hidden_units: Width
    hidden_layers: Annotated[int, Field(ge=1, le=64)]
    positions: Literal["sinusoidal", "learned"]
    dropout: Rate

    def contradictions(self) -> list[str]:
        """Return the contradictions between keys, one message each."""
        if self.embedding_dim % (2 * self.heads):
            return [f"embedding_dim: must be a multiple of 2 · heads = {2 * self.heads}, received {self.embedding_dim}"]
        return []


class TranslationTrain(Train):
    """Settings of the training loop, including those that only translation has."""

    not_in_key: ClassVar[frozenset[str]] = Train.not_in_key | {"samples"}

    batch_unit: Literal["sentences", "tokens"]
    decode_sentences: Positive
    samples: Annotated[int, Field(ge=0)]


class TranslationEvaluate(Evaluate):
    """Settings of the scores and of beam search."""

    beam: Annotated[int, Field(ge=1, le=BEAM)]
    length_penalty: Annotated[float, Field(ge=0, le=2)]
    min_length: Annotated[int, Field(ge=0)]
    max_length: Annotated[int, Field(ge=0)]
    batch_sentences: Positive
