"""Types and ranges of the text family's config sections."""

from collections.abc import Mapping
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from pipeline.config.sections import Evaluate, Fraction, Positive, Rate, Section, Source, Train

MONITORS = {"bits_per_char": False, "accuracy": True}
"""Validation scores that `train.monitor` may name, and whether higher is better; the first is the default."""

Width = Annotated[int, Field(ge=1, le=65_536)]
Activation = Literal["tanh", "sigmoid", "relu", "hard_sigmoid", "softsign", "elu", "linear"]


class TextSource(Source):
    """Source of the raw file."""

    name: Literal["king_james", "python_topics", "small_parallel_enja", "own"]


class TextData(Section):
    """Settings of a text."""

    source: TextSource
    file: str
    lowercase: bool
    min_count: Positive
    validation_fraction: Fraction
    test_fraction: Fraction

    def contradictions(self) -> list[str]:
        """Return the contradictions between keys, one message each."""
        faults = []
        if self.file not in self.source.files:
            known = ", ".join(self.source.files) or "none"
            faults.append(f"file: {self.file!r} is not among source.files ({known})")
        if self.validation_fraction + self.test_fraction >= 1:
            taken = self.validation_fraction + self.test_fraction
            faults.append(
                f"validation_fraction: test and validation leave nothing to train on (together {taken:g}); "
                "their sum must be below 1"
            )
        return faults


class CharWindow(Section):
    """Settings of the network in `models/char_window.py`."""

    name: Literal["char_window"]
    window: Annotated[int, Field(ge=1, le=200)]
    step: Positive
    hidden_units: Width
    activation: Activation
    recurrent_activation: Activation


class CharRnn(Section):
    """Settings of the network in `models/char_rnn.py`."""

    name: Literal["char_rnn"]
    cell: Literal["lstm", "gru"]
    embedding_dim: Width
    hidden_units: Width
    hidden_layers: Annotated[int, Field(ge=1, le=16)]
    dropout: Rate


class TextTrain(Train):
    """Settings of the training loop, including those that only texts have."""

    renamed: ClassVar[Mapping[str, str]] = {"sequence": "bptt_length"}
    not_in_key: ClassVar[frozenset[str]] = Train.not_in_key | {"sample_length"}

    optimizer: Literal["adam", "rmsprop"]
    bptt_length: Annotated[int, Field(ge=1, le=100_000)]
    sample_length: Annotated[int, Field(ge=0, le=100_000)]

    def contradictions(self) -> list[str]:
        """Return the contradictions between keys, one message each."""
        if self.optimizer == "rmsprop" and self.weight_decay:
            return ["weight_decay: only optimizer=adam supports it (AdamW); with optimizer=rmsprop set it to 0.0"]
        return []


class TextEvaluate(Evaluate):
    """Settings of the scores and of sampling."""

    temperature: Annotated[float, Field(gt=0, le=100)]
    top_k: Annotated[int, Field(ge=0)]
    top_p: Annotated[float, Field(gt=0, le=1)]
    sample_length: Annotated[int, Field(ge=0, le=100_000)]
