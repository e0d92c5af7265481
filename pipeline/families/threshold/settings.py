"""Types and ranges of the sections of the threshold family."""

from typing import Annotated, Literal

from pydantic import Field

from pipeline.config.sections import Fraction, Positive, Section, Source, Train

MONITORS = {"accuracy": True, "hinge": False}
"""Validation scores that `train.monitor` may name, and whether higher is better; the first is the default."""


class PointsSource(Source):
    """There are no raw files: the points are drawn."""

    name: Literal["drawn"]
    files: Annotated[dict[str, str | None], Field(max_length=0)]


class ThresholdData(Section):
    """Points and a threshold."""

    source: PointsSource
    dimensions: Annotated[int, Field(ge=1, le=10_000)]
    threshold: float
    points: Annotated[int, Field(ge=2, le=100_000_000)]
    test_points: Positive
    validation_fraction: Fraction
    split_seed: Annotated[int, Field(ge=0)]

    def contradictions(self) -> list[str]:
        """Return what the keys say against each other."""
        if not 1 <= int(self.points * (1 - self.validation_fraction)) < self.points:
            return [f"validation_fraction: of {self.points} points none is left to train on, or none to validate"]
        return []


class ThresholdTrain(Train):
    """The training loop."""

    def contradictions(self) -> list[str]:
        """Return what means nothing to a network of a few weights under a hinge loss."""
        faults = []
        if self.label_smoothing:
            faults.append(f"label_smoothing: labels of a hinge loss are not smoothed, received {self.label_smoothing}")
        if self.precision != "float32":
            faults.append(f"precision: what is worked out by hand is float32, received {self.precision!r}")
        return faults


class TanhMlp(Section):
    """The network of `pipeline/models/tanh_mlp.py`."""

    name: Literal["tanh_mlp"]
    hidden_units: Annotated[int, Field(ge=0, le=65_536)]
