"""Types and ranges of the sections of the tagging family."""

from typing import Annotated, Literal

from pydantic import Field

from pipeline.config.sections import Fraction, Positive, Section, Source, Train

MONITORS = {"accuracy": True}


class TaggedSource(Source):
    name: Literal["own"]


class TaggingData(Section):
    source: TaggedSource
    file: str
    max_length: Positive
    validation_fraction: Fraction
    test_fraction: Fraction
    split_seed: Annotated[int, Field(ge=0)]


class Tagger(Section):
    name: Literal["tagger"]
    embedding_dim: Annotated[int, Field(ge=1, le=4096)]
    hidden_units: Annotated[int, Field(ge=1, le=4096)]


class TaggingTrain(Train):
    pass
