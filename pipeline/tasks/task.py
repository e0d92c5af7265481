"""What every family of networks can do. A new family is one file here, a folder of configs and a test fixture."""

import importlib
import json
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from pipeline.config import Config, Section, flatten
from pipeline.storage import PROCESSED, code_digest, digest, folder_digest
from pipeline.tasks.predictor import MODEL, Batches, Predictor, TaskError

if TYPE_CHECKING:
    import keras
    import pyarrow as pa

    from pipeline.metrics import Curve
    from pipeline.training import Checkpoint, Checkpoints, EpochRecord, Examples

FAMILIES = {
    "table": "pipeline.tasks.table:TableTask",
    "text": "pipeline.tasks.text:TextTask",
    "threshold": "pipeline.tasks.threshold:ThresholdTask",
    "translation": "pipeline.tasks.translation:TranslationTask",
}
"""`task:` → class, imported when it is needed: preprocessing must not wait for TensorFlow."""

SEARCHED = tuple(
    f"portable/{name}.py" for name in ("codes", "crossing", "sampling", "search", "tokenizing", "translate")
)
CODE = ("data", "decoding", "metrics", "models", *SEARCHED, "tasks", "training")
"""Code that decides what a training, and what an evaluation, computes."""

SAMPLES = 64
"""Examples of the test split on which formats of a network are compared."""

NOT_IN_KEY = {"epochs", "checkpoint_minutes", "save_every", "samples", "sample_length"}
"""Keys of `train` that do not change a single step: more epochs go on from a shorter training's checkpoint, unless the
learning rate hangs on their number."""


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


class Facts(Protocol):
    """What preprocess found."""

    @property
    def prepared(self) -> dict[str, Any]:
        """The data section behind it."""
        ...

    def save(self, folder: Path) -> None:
        """Write it."""
        ...


@dataclass(frozen=True)
class Lesson:
    """What a network learns, and from what.

    Attributes:
        examples: To learn from.
        loss: Of a batch.
        validate: Network → scores of the validation examples by name, and what else is worth to be shown, as text.
        rests: Whether rows of tables rest where a batch did not use them; see `RowSparseAdam`.
        optimizer: `adam` or `rmsprop`.
        network: What is trained of the model, if not all of it.
    """

    examples: "Examples"
    loss: Callable[[Any, Any], Any]
    validate: Callable[["keras.Model"], tuple[dict[str, float], str]]
    rests: bool = False
    optimizer: str = "adam"
    network: "keras.Model | None" = None


class Task(ABC):
    """One family, under one configuration."""

    def __init__(self, config: Config) -> None:
        self.config = config
        self.seed = config.seed
        """Of initial weights, dropout and the order of examples."""

    @property
    @abstractmethod
    def schema(self) -> Facts:
        """Facts that preprocess found."""

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
    def check(self) -> None:
        """Refuse settings that contradict the prepared data.

        Raises:
            TaskError: Naming each and what to set instead.
        """

    def folds(self) -> Sequence["Task"]:
        """Return the trainings that it takes: this one, or one a fold, whose networks are put together."""
        return [self]

    def together(self, networks: Sequence["keras.Model"]) -> "keras.Model":
        """Put the networks of `folds` together; of one it is that."""
        from pipeline.models import averaged

        return averaged(networks, self.config.model.name) if len(networks) > 1 else networks[0]

    @abstractmethod
    def build(self) -> "keras.Model":
        """Make the untrained network from the schema and the model section."""

    @abstractmethod
    def lesson(self, model: "keras.Model") -> Lesson:
        """Return what `train` trains on, and what it looks at."""

    def train(
        self,
        model: "keras.Model",
        start: "Checkpoint | None",
        checkpoints: "Checkpoints",
        on_epoch: Callable[["EpochRecord"], None],
    ) -> Sequence["EpochRecord"]:
        """Train in place, from a checkpoint where one is given; tell `on_epoch` of every epoch, earlier ones too."""
        from pipeline.metrics import HIGHER_IS_BETTER
        from pipeline.training import Objective, Schedule, Training

        lesson, monitor = self.lesson(model), self.monitor
        objective = Objective(lesson.loss, lesson.validate, monitor, HIGHER_IS_BETTER[monitor])
        schedule = Schedule.of(self.config.train, self.seed, rests=lesson.rests, optimizer=lesson.optimizer)

        def keep(epoch: int) -> None:
            self.save(model, checkpoints.kept / f"{epoch:03}")

        return Training(lesson.network or model, lesson.examples, objective, schedule, checkpoints, on_epoch, keep).run(
            start
        )

    def save(self, model: "keras.Model", folder: Path) -> None:
        """Write what `evaluate` and a prediction need."""
        from pipeline.models import save_model

        save_model(model, folder / MODEL)
        self.schema.save(folder)

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

    @abstractmethod
    def encoded_samples(self, predictor: Any, networks: Mapping[str, "keras.Model"]) -> Batches:
        """Return inputs of each network of a predictor's `portable`, of the test split, a few examples a batch."""

    @abstractmethod
    def score_of(self, predictor: Any, asked: Any, networks: Mapping[str, Any]) -> tuple[str, float, int]:
        """Return name and value of a score, and on how many examples of the validation split.

        Args:
            predictor: The network in Keras.
            asked: The same in another format, for raw input.
            networks: The same, for encoded input.
        """

    def require_prepared(self) -> None:
        """Refuse data that another configuration prepared.

        Raises:
            TaskError: Naming the keys that differ and the command that prepares the right data.
        """
        section: Section = self.config.data
        found, wanted = dict(flatten(self.schema.prepared)), dict(flatten(section.model_dump(mode="json")))
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

    def require_trained_on_it(self, folder: Path) -> None:
        """Refuse a network that learned from data prepared otherwise: it may have seen what it is scored on.

        Raises:
            TaskError: Naming the command that trains the right one, or that there is none.
        """
        if not (folder / MODEL).is_file():
            raise TaskError(
                f"{folder}: holds no trained network; `python -m pipeline.train` with these overrides trains one, or "
                f"run all: `dvc exp run -S experiment={self.config.name}`"
            )
        if not is_for(folder, self.config):
            raise TaskError(
                f"{folder}: holds a network that was trained on data prepared otherwise; `python -m pipeline.train` "
                f"with these overrides trains one, or run all: `dvc exp run -S experiment={self.config.name}`"
            )

    def ingredients(self) -> dict[str, Any]:
        """Return what a training hangs on: data, settings, code and libraries, but not the number of epochs."""
        from pipeline.models import resolved
        from pipeline.models.backend import versions

        tree, settings = self.config.tree, self.config.train
        left_out = NOT_IN_KEY - ({"epochs"} if settings.schedule != "constant" or settings.warmup else set())
        train = {name: value for name, value in tree["train"].items() if name not in left_out}
        train["precision"] = resolved(settings.precision)
        decisive = {"task": tree["task"], "seed": tree["seed"], "model": tree["model"], "train": train}
        return {
            "data": folder_digest(PROCESSED),
            **dict(flatten(decisive)),
            **{f"code of {name}": code_digest(name) for name in CODE},
            "libraries": versions(),
        }


def key_of(ingredients: Mapping[str, Any]) -> str:
    """Return the name of a training: what it hangs on, hashed."""
    return digest(ingredients)[:16]


def task_for(config: Config) -> Task:
    """Return the family that a configuration names."""
    return _family(config.task)(config)


def is_for(folder: Path, config: Config) -> bool:
    """Tell whether a saved network was trained on data that were prepared as configured."""
    try:
        schema = json.loads((folder / "schema.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return True  # loading it tells what is wrong
    return bool(schema.get("task") == config.task and schema.get("prepared") == config.tree["data"])


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
