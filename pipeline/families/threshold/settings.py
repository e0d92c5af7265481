"""Types and valid ranges of the settings of the threshold family."""

from typing import Annotated, Literal

from pydantic import Field

from pipeline.config.sections import Fraction, Positive, Section, Source, Train

MONITORS = {"accuracy": True, "hinge": False}
"""Validation scores that `train.monitor` may name, and whether higher is better; the first is the default."""


class PointsSource(Source):
    """The source of the points: they are drawn at random, so there are no raw files."""

    name: Literal["drawn"]
    files: Annotated[dict[str, str | None], Field(max_length=0)]


class ThresholdData(Section):
    """The `data` section: points and a threshold."""

    source: PointsSource
    dimensions: Annotated[int, Field(ge=1, le=10_000)]
    threshold: float
    points: Annotated[int, Field(ge=2, le=100_000_000)]
    test_points: Positive
    validation_fraction: Fraction
    split_seed: Annotated[int, Field(ge=0)]

    def contradictions(self) -> list[str]:
        """Return a message for each setting that contradicts another."""
        if not 1 <= int(self.points * (1 - self.validation_fraction)) < self.points:
            return [f"validation_fraction: {self.points} points leave none to train on or none to validate"]
        return []


class ThresholdTrain(Train):
    """The `train` section."""

    def contradictions(self) -> list[str]:
        """Return a message for each setting that does not apply to this network or to the hinge loss."""
        faults = []
        if self.label_smoothing:
            faults.append(
                f"label_smoothing: the hinge loss does not support it; set it to 0, received {self.label_smoothing}"
            )
        if self.precision != "float32":
            faults.append(
                f"precision: calculations by hand use float32; set it to float32, received {self.precision!r}"
            )
        return faults


class TanhMlp(Section):
    """Settings of the network in `models/tanh_mlp.py`."""

    name: Literal["tanh_mlp"]
    hidden_units: Annotated[int, Field(ge=0, le=65_536)]
