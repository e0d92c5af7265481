"""The families of networks: the folders of `pipeline/families`, imported on first use."""

import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pipeline.config.sections import Evaluate, Section, Train
from pipeline.storage import PROJECT, PipelineError

FOLDER = PROJECT / "pipeline" / "families"
PACKAGE = "pipeline.families"


@dataclass(frozen=True)
class Family:
    """The parts of a family of networks: `FAMILY` in its `__init__.py`.

    Classes are named as `module:class`, relative to the family's package, and imported on first use, so that reading a
    configuration does not wait for TensorFlow.

    Attributes:
        name: Name of its folder; `task` in the settings.
        data: Type of the `data` section.
        models: Network (`model.name`) → type of the `model` section.
        train: Type of the `train` section.
        evaluate: Type of the `evaluate` section.
        monitors: Validation score → whether higher is better. The first is the default of `train.monitor`.
        schema: Type of the contents of `schema.json`, which `preprocess` writes.
        preprocess: Prepares the data (a `PreprocessTask`).
        baseline: Scores simple models (a `BaselineTask`).
        training: Builds and trains the network (a `TrainingTask`).
        evaluation: Scores the trained network (an `EvaluationTask`).
        exporting: Compares exported networks with Keras (an `ExportTask`).
        predictor: Takes raw input (a `Predictor`).
        reader: Takes raw input without a framework; NumPy only, copied into bundles.
        proposal: Writes configs for a user's own files (a `Proposer`); None if `pipeline.new` does not know the family.
        options: Options of `pipeline.predict` that this family adds, by name, with their help.
    """

    name: str
    data: type[Section]
    models: Mapping[str, type[Section]]
    train: type[Train]
    monitors: Mapping[str, bool]
    schema: str
    preprocess: str
    baseline: str
    training: str
    evaluation: str
    exporting: str
    predictor: str
    reader: str
    evaluate: type[Evaluate] = Evaluate
    proposal: str | None = None
    options: Mapping[str, "Option"] = field(default_factory=dict)

    @property
    def package(self) -> str:
        """The family's Python package."""
        return f"{PACKAGE}.{self.name}"

    @property
    def folder(self) -> Path:
        """The family's folder."""
        return FOLDER / self.name

    def module(self, part: str) -> str:
        """Return the dotted name of the module that one of the attributes names, for example `module("training")`."""
        return f"{self.package}.{getattr(self, part).partition(':')[0]}"

    def load(self, part: str) -> Any:
        """Import the class that one of the attributes names, for example `load("training")`."""
        return getattr(importlib.import_module(self.module(part)), getattr(self, part).partition(":")[2])


@dataclass(frozen=True)
class Option:
    """A command-line option of `pipeline.predict`.

    Attributes:
        help: What it does, with its default.
        type: Turns the text into a value; raises ValueError with the rule.
        metavar: How `--help` shows the value.
    """

    help: str
    type: Callable[[str], Any] = str
    metavar: str | None = None

    @staticmethod
    def whole(least: int | None = None, most: int | None = None) -> Callable[[str], int]:
        """Return a function that reads a whole number within bounds."""
        bounds = [f"from {least}"] * (least is not None) + [f"up to {most}"] * (most is not None)
        rule = " ".join(["must be a whole number", *bounds])

        def read(text: str) -> int:
            try:
                value = int(text)
            except ValueError:
                raise ValueError(f"{rule}, received {text!r}") from None
            if (least is not None and value < least) or (most is not None and value > most):
                raise ValueError(f"{rule}, received {value}")
            return value

        return read

    @staticmethod
    def number(text: str) -> float:
        """Read a number."""
        try:
            return float(text)
        except ValueError:
            raise ValueError(f"must be a number, received {text!r}") from None


def family_names() -> list[str]:
    """Return the names of all families, sorted."""
    return sorted(path.parent.name for path in FOLDER.glob("*/__init__.py"))


def family_of(name: str) -> Family:
    """Import a family.

    Raises:
        PipelineError: There is no family of this name.
    """
    if name not in family_names():
        raise PipelineError(f"no family {name!r} in {FOLDER}; available: {', '.join(family_names())}")
    module = importlib.import_module(f"{PACKAGE}.{name}")
    family = getattr(module, "FAMILY", None)
    if not isinstance(family, Family) or family.name != name:
        raise PipelineError(
            f"{FOLDER / name / '__init__.py'}: expected FAMILY, a Family named after its folder, received {family!r}; "
            "see docs/architecture.md"
        )
    return family


def families() -> list[Family]:
    """Import every family."""
    return [family_of(name) for name in family_names()]
