"""What every family of networks can do. A new family is one file here, a folder of configs and a test fixture."""

import importlib
import json
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.config import Config, PipelineError, Section, flatten
from pipeline.storage import PROCESSED, code_digest, digest, folder_digest

if TYPE_CHECKING:
    import keras
    import numpy as np
    import numpy.typing as npt
    import pyarrow as pa

    from pipeline.exporting import Portable
    from pipeline.metrics import Curve
    from pipeline.training import Checkpoint, Checkpoints, EpochRecord

FAMILIES = {
    "table": "pipeline.tasks.table:TableTask",
    "text": "pipeline.tasks.text:TextTask",
    "threshold": "pipeline.tasks.threshold:ThresholdTask",
    "translation": "pipeline.tasks.translation:TranslationTask",
}
"""`task:` → class, imported when it is needed: preprocessing must not wait for TensorFlow."""

CODE = ("data", "decoding", "metrics", "models", "portable", "tasks", "training")
"""Libraries whose code decides what a training, and what an evaluation, computes."""

NOT_IN_KEY = {"epochs", "checkpoint_minutes", "save_every", "samples", "sample_length"}
"""Keys of `train` that do not change a single step: more epochs go on from a shorter training's checkpoint, unless the
learning rate hangs on their number."""


class TaskError(PipelineError):
    """A stage cannot do its work on what lies in the folders."""


@dataclass(frozen=True)
class Scores:
    """Scores of one split, by name, each with its interval."""

    values: dict[str, float]
    intervals: dict[str, tuple[float, float]]

    def flat(self) -> dict[str, float]:
        """Return `NAME`, `NAME_low`, `NAME_high` side by side."""
        rows = {}
        for name, value in self.values.items():
            rows[name] = value
            if name in self.intervals:
                rows[f"{name}_low"], rows[f"{name}_high"] = self.intervals[name]
        return rows


@dataclass(frozen=True)
class Evaluation:
    """What an evaluation found.

    Attributes:
        scores: By split.
        curves: Of the test split, by name.
        predictions: Behind the scores, by split.
        notes: What to say besides, by name.
        write_besides: Writes what the family shows besides scores, curves and predictions into the folder of the
            predictions, which lie there already; returns what that was.
    """

    scores: dict[str, Scores]
    curves: dict[str, "Curve"]
    predictions: dict[str, "pa.Table"]
    notes: dict[str, str] = field(default_factory=dict)
    write_besides: Callable[[Path], str] | None = None


@dataclass(frozen=True)
class Column:
    """A column of raw input, as a model's signature names it."""

    name: str
    is_number: bool


@dataclass(frozen=True)
class Embedding:
    """The embeddings of one column.

    Attributes:
        column: Its name.
        names: Of its categories, by code.
        vectors: `(codes, width)`; of a network of several, all of theirs side by side.
    """

    column: str
    names: list[str]
    vectors: "npt.NDArray[np.float32]"


class Predictor(ABC):
    """A network that takes raw input."""

    model: "keras.Model"
    has_sentences = False
    """Whether examples are sentences: of different length, and each with many outputs."""

    @abstractmethod
    def batches(self, source: Path, size: int) -> Iterator[dict[str, "npt.NDArray[Any]"]]:
        """Give the network's inputs for the examples of a file, in their order, `size` at a time."""

    @abstractmethod
    def embedded(self) -> list[str]:
        """Return what has embeddings, in the order in which the network takes it."""

    @abstractmethod
    def unit_names(self) -> dict[str, list[str]]:
        """Return the names of a layer's units, by the layer's path, where they stand for columns."""

    @abstractmethod
    def embedding(self, name: str) -> Embedding:
        """Return the embeddings of one of `embedded`.

        Raises:
            TaskError: There is none of this name.
        """

    def by_hand(self, _source: Path) -> str | None:
        """Return how the output for a file's first example comes about, in all its sums; None where they are many."""
        return None

    options: tuple[str, ...]
    """Options of `predict_file` that mean something to this family."""

    @abstractmethod
    def portable(self) -> "Portable":
        """Return networks and facts for a bundle that runs without a framework."""

    @abstractmethod
    def __call__(self, rows: "pa.Table") -> "pa.Table":
        """Return a row of predictions for each raw row."""

    @abstractmethod
    def predict_file(self, source: Path, output: Path, options: Mapping[str, Any]) -> int:
        """Predict every example of a file, in its order; return how many there were.

        Args:
            source: Raw input.
            output: Appears whole or not at all.
            options: Those of `options` that are given.
        """

    def predict_stream(self, options: Mapping[str, Any]) -> int:
        """Predict line by line from standard input to standard output; return how many there were.

        Raises:
            TaskError: This family's examples are no lines.
        """
        raise TaskError("this network takes a table, from a file: name it, and -o FILE for its predictions")


class Task(ABC):
    """One family, under one configuration."""

    def __init__(self, config: Config) -> None:
        self.config = config

    @property
    @abstractmethod
    def monitors(self) -> tuple[str, ...]:
        """Scores of the validation examples that may decide when to stop."""

    @property
    def headline(self) -> str:
        """The score that the closing summary shows."""
        return self.monitors[0]

    @property
    def monitor(self) -> str:
        """The score that decides."""
        asked: str = self.config.train.monitor
        return self.headline if asked == "auto" else asked

    @abstractmethod
    def preprocess(self) -> str:
        """Write `data/processed`, and `reports/audit.json` with its page; return a line that says what was found."""

    @abstractmethod
    def prepared(self) -> dict[str, Any]:
        """Return the data section under which `data/processed` was written."""

    @abstractmethod
    def check(self) -> None:
        """Refuse settings that contradict the prepared data.

        Raises:
            TaskError: Naming each and what to set instead.
        """

    @abstractmethod
    def build(self) -> "keras.Model":
        """Make the untrained network from the schema and the model section."""

    @abstractmethod
    def train(
        self,
        model: "keras.Model",
        start: "Checkpoint | None",
        checkpoints: "Checkpoints",
        on_epoch: Callable[["EpochRecord"], None],
    ) -> Sequence["EpochRecord"]:
        """Train in place, from a checkpoint where one is given; tell `on_epoch` of every epoch, earlier ones too."""

    @abstractmethod
    def save(self, model: "keras.Model", folder: Path) -> None:
        """Write what `evaluate` and a prediction need."""

    def keeper(self, model: "keras.Model", checkpoints: "Checkpoints") -> Callable[[int], None]:
        """Return what keeps the network of an epoch beside the checkpoints, for `train.save_every`."""
        return lambda epoch: self.save(model, checkpoints.kept / f"{epoch:03}")

    @abstractmethod
    def evaluate(self, folder: Path) -> Evaluation:
        """Score a saved network on the held-out splits."""

    @abstractmethod
    def baselines(self) -> Iterator[tuple[str, Scores]]:
        """Fit simple models, one after the other, and score each on the test split."""

    @classmethod
    @abstractmethod
    def predictor(cls, folder: Path) -> Predictor:
        """Load what `save` wrote."""

    @abstractmethod
    def untrained(self) -> Predictor:
        """Build a new network that takes raw input."""

    @abstractmethod
    def columns(self) -> list[Column]:
        """Return the raw columns that a prediction takes."""

    @abstractmethod
    def outputs(self) -> list[Column]:
        """Return the columns of a prediction."""

    @abstractmethod
    def example(self) -> list[dict[str, Any]]:
        """Return a few raw rows."""

    def require_prepared(self) -> None:
        """Refuse data that another configuration prepared.

        Raises:
            TaskError: Naming the keys that differ and the command that prepares the right data.
        """
        section: Section = self.config.data
        found, wanted = dict(flatten(self.prepared())), dict(flatten(section.model_dump(mode="json")))
        differ = [key for key in {**wanted, **found} if found.get(key) != wanted.get(key)]
        if differ:
            lines = [
                f"data.{key}: prepared with {found.get(key)!r}, asked for {wanted.get(key)!r}" for key in differ[:8]
            ]
            raise TaskError(
                f"{PROCESSED} was prepared under another configuration:\n  " + "\n  ".join(lines) + "\n"
                "Prepare the right data with `python -m pipeline.fetch` and `python -m pipeline.preprocess`, both with "
                f"these overrides; or run all: `dvc exp run -S experiment={self.config.name}`, overrides after -S."
            )

    def key(self) -> str:
        """Return what a training hangs on, hashed: data, settings, code and libraries, but not the number of epochs."""
        from pipeline.models import resolved
        from pipeline.models.backend import versions

        tree, settings = self.config.tree, self.config.train
        left_out = NOT_IN_KEY - ({"epochs"} if settings.schedule != "constant" or settings.warmup else set())
        train = {name: value for name, value in tree["train"].items() if name not in left_out}
        train["precision"] = resolved(settings.precision)
        decisive = {"task": tree["task"], "seed": tree["seed"], "model": tree["model"], "train": train}
        return digest([folder_digest(PROCESSED), decisive, code_digest(*CODE), versions()])[:16]


def task_for(config: Config) -> Task:
    """Return the family that a configuration names."""
    return _family(config.task)(config)


def predictor_for(folder: Path) -> Predictor:
    """Load a saved network, by the family that its schema names.

    Raises:
        TaskError: The folder holds no network of a known family.
    """
    try:
        task = json.loads((folder / "schema.json").read_text(encoding="utf-8"))["task"]
        family = _family(task)
    except (OSError, ValueError, KeyError) as error:
        raise TaskError(f"{folder}: no trained network ({error!r}); `dvc repro` writes one to models/") from error
    return family.predictor(folder)


def _family(task: str) -> type[Task]:
    module, _, name = FAMILIES[task].partition(":")
    family: type[Task] = getattr(importlib.import_module(module), name)
    return family
