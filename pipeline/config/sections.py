"""Types and ranges of the sections that every family shares. The files in `conf/` hold defaults and meanings."""

import re
from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Annotated, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

Positive = Annotated[int, Field(ge=1)]
Fraction = Annotated[float, Field(gt=0, lt=1)]
Rate = Annotated[float, Field(ge=0, lt=1)]
Name = Annotated[str, Field(min_length=1, pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$")]


class Section(BaseModel):
    """A section of the settings; it rejects unknown keys and does not convert types."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)
    renamed: ClassVar[Mapping[str, str]] = {}
    """Former name of a key → its current name."""

    def contradictions(self) -> list[str]:
        """Return conflicts between keys, as lines `key: reason`."""
        return []


class Head(Section):
    """The keys outside the sections."""

    name: Name
    task: str
    seed: Annotated[int, Field(ge=0, lt=2**31)]


class Source(Section):
    """Where the raw files come from; each family declares the sources it supports."""

    name: str
    folder: str
    files: dict[str, str | None]

    @field_validator("files")
    @classmethod
    def _stay_in_the_folder(cls, files: dict[str, str | None]) -> dict[str, str | None]:
        for name in files:
            if PurePosixPath(name).is_absolute() or ".." in PurePosixPath(name).parts:
                raise ValueError(f"{name!r} leads out of the folder of raw files; name a file inside it")
        return files


class Train(Section):
    """The training loop."""

    not_in_key: ClassVar[frozenset[str]] = frozenset({"epochs", "checkpoint_minutes", "save_every"})
    """Keys that do not affect a training step, and so are not part of the key of the checkpoints. More epochs continue
    the checkpoint of a shorter training, unless the learning rate depends on their number."""

    batch_size: Annotated[int, Field(ge=1, le=1_048_576)]
    epochs: Annotated[int, Field(ge=1, le=100_000)]
    learning_rate: Annotated[float, Field(gt=0, le=10)]
    schedule: Literal["constant", "linear", "cosine", "inverse_sqrt"]
    warmup: Rate
    weight_decay: Annotated[float, Field(ge=0, le=10)]
    clip_norm: Annotated[float, Field(ge=0)]
    label_smoothing: Rate
    ema: Rate
    average_last: Annotated[int, Field(ge=0, le=100)]
    precision: Literal["auto", "float32", "bfloat16"]
    patience: Annotated[int, Field(ge=0)]
    monitor: str
    checkpoint_minutes: Annotated[float, Field(gt=0)]
    save_every: Annotated[int, Field(ge=0)]


class Evaluate(Section):
    """Scores and their confidence intervals."""

    bootstrap_samples: Annotated[int, Field(ge=100, le=100_000)]
    confidence: Fraction


class Export(Section):
    """Export formats of the trained network."""

    formats: list[
        Literal["numpy", "onnx", "onnx_float16", "onnx_int8", "web", "litert", "litert_float16", "litert_int8"]
    ]

    def contradictions(self) -> list[str]:
        """Return the formats that are listed twice."""
        return [
            f"formats: {name!r} is listed twice" for name in sorted(set(self.formats)) if self.formats.count(name) > 1
        ]


class Tracking(Section):
    """Tracking with MLflow."""

    uri: str | None
    system_metrics: bool
    log_model: bool

    def contradictions(self) -> list[str]:
        """Reject a password, because settings are recorded and written to params.yaml."""
        if self.uri and re.search(r"://(?:[^\s/]*:[^\s/]+|[^\s:/@]{16,})@", self.uri):
            return [
                "uri: holds a password, and settings are recorded; remove it, and set MLFLOW_TRACKING_USERNAME and "
                "MLFLOW_TRACKING_PASSWORD (a server), or PGPASSWORD or ~/.pgpass (PostgreSQL)"
            ]
        return []
