"""The interface that `train` requires of a family, and the key of a training."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from pipeline.config import Config, Family, flatten
from pipeline.storage import PROCESSED, code_digest, code_files, digest, folder_digest, seal
from pipeline.tasks.task import MODEL, Task

if TYPE_CHECKING:
    import keras

    from pipeline.tasks.predictor import Predictor
    from pipeline.training import Checkpoint, Checkpoints, EpochRecord, Examples

NOT_DECISIVE = ("pipeline.config", "pipeline.storage", "pipeline.tracking")
"""Packages that do not affect results: they read settings, write files and record runs."""


@dataclass(frozen=True)
class TrainingSpec:
    """The data, loss and validation of a training.

    Attributes:
        examples: The training examples.
        loss: Targets and outputs of one batch → its mean loss, shape ().
        validate: Network → validation scores by name, and a text to show after the epoch.
        lazy: Whether the optimizer skips rows of embedding tables that a batch did not use; see `RowSparseAdam`.
        optimizer: `adam` or `rmsprop`.
        network: The part of the model that is trained; None for all of it.
    """

    examples: "Examples"
    loss: Callable[[Any, Any], Any]
    validate: Callable[["keras.Model"], tuple[dict[str, float], str]]
    lazy: bool = False
    optimizer: str = "adam"
    network: "keras.Model | None" = None


class TrainingTask(Task, ABC):
    """Builds and trains the network of one experiment.

    Args:
        config: The configuration of the experiment.

    Attributes:
        seed: Seed of the initial weights, of dropout and of the order of examples.
    """

    def __init__(self, config: Config) -> None:
        super().__init__(config)
        self.seed = config.seed

    def check(self) -> None:
        """Reject settings that conflict with the prepared data; by default, none.

        Raises:
            TaskError: Names each setting and what to set instead.
        """
        return

    def folds(self) -> Sequence[Self]:
        """Return the trainings whose networks are combined: this one, or one per fold."""
        return [self]

    def combine(self, networks: Sequence["keras.Model"]) -> "keras.Model":
        """Return one network whose output is the mean of the folds' outputs."""
        from pipeline.models import averaged

        return averaged(networks, self.config.model.name) if len(networks) > 1 else networks[0]

    def initial_model(self) -> "keras.Model":
        """Return the untrained network; from here on, everything is drawn from the seed."""
        from pipeline.training import make_deterministic

        make_deterministic(self.seed)
        return self.build()

    @abstractmethod
    def build(self) -> "keras.Model":
        """Build the untrained network from the schema and the `model` section."""

    @abstractmethod
    def spec(self, model: "keras.Model") -> TrainingSpec:
        """Return the examples, the loss and the validation of a network that `build` returned."""

    def predictor(self, model: "keras.Model") -> "Predictor":
        """Return a network that takes raw input."""
        # Loaded by name: predictions do not affect a training, so their code is not part of its key.
        predictor: Predictor = self.config.family.load("predictor")(self.schema, model)
        return predictor

    def train(
        self,
        model: "keras.Model",
        start: "Checkpoint | None",
        checkpoints: "Checkpoints",
        on_epoch: Callable[["EpochRecord"], None],
    ) -> Sequence["EpochRecord"]:
        """Train a network in place.

        Args:
            model: A network that `build` returned.
            start: The checkpoint to resume from, if there is one.
            checkpoints: Where to save checkpoints.
            on_epoch: Called after every epoch, and on resuming for the earlier epochs too.

        Returns:
            The scores of every epoch.
        """
        from pipeline.training import Objective, Training

        spec = self.spec(model)
        objective = Objective(spec.loss, spec.validate, self.monitor, self.higher_is_better)
        training = Training(
            spec.network or model,
            spec.examples,
            objective,
            self.config.train,
            self.seed,
            checkpoints,
            on_epoch=on_epoch,
            save_network=lambda epoch: self.save(model, checkpoints.kept / f"{epoch:03}"),
            lazy=spec.lazy,
            optimizer=spec.optimizer,
        )
        return training.run(start)

    def save(self, model: "keras.Model", folder: Path) -> None:
        """Write the network and the schema, which `evaluate` and predictions need, and their checksums."""
        self.write(model, folder)
        seal(folder)

    def write(self, model: "keras.Model", folder: Path) -> None:
        """Write the network and the schema."""
        from pipeline.models import save_model

        save_model(model, folder / MODEL)
        self.schema.save(folder)

    def best_epoch(self, history: Sequence["EpochRecord"]) -> "EpochRecord":
        """Return the first epoch with the best monitored score, whose network is kept."""
        sign = 1.0 if self.higher_is_better else -1.0
        return max(history, key=lambda record: sign * record.scores[f"val_{self.monitor}"])

    def fingerprint_inputs(self) -> dict[str, Any]:
        """Return everything that decides the result of the training, except the number of epochs.

        That is the data, settings, code and libraries. The number of epochs is included if the learning rate depends on
        it.
        """
        from pipeline.models import resolved
        from pipeline.models.backend import versions

        tree, settings = self.config.tree, self.config.train
        excluded = settings.not_in_key - ({"epochs"} if settings.schedule != "constant" or settings.warmup else set())
        train = {name: value for name, value in tree["train"].items() if name not in excluded}
        train["precision"] = resolved(settings.precision)
        decisive = {"task": tree["task"], "seed": tree["seed"], "model": tree["model"], "train": train}
        return {
            "data": folder_digest(PROCESSED),
            **dict(flatten(decisive)),
            "training": self.config.family.training,
            "monitor": f"{self.monitor}, {'higher' if self.higher_is_better else 'lower'} is better",
            **{f"code of {name}": code_digest(files) for name, files in training_code(self.config.family).items()},
            "libraries": versions(),
        }


def training_code(family: Family) -> dict[str, list[Path]]:
    """Return the files that decide the result of a family's training, by library or family.

    They are the modules that the family's training imports, directly or indirectly.
    """
    files: dict[str, list[Path]] = {}
    for name, path in code_files(family.module("training"), "pipeline.training", leave_out=NOT_DECISIVE).items():
        parts = name.split(".")
        library = ".".join(parts[1 : 3 if parts[1:2] == ["families"] else 2])
        files.setdefault(library, []).append(path)
    return files


def training_key(inputs: Mapping[str, Any]) -> str:
    """Return the name of a training: a hash of `fingerprint_inputs`, 16 hexadecimal digits."""
    return digest(inputs)[:16]
