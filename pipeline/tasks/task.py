"""What all stages after `preprocess` have in common: the configuration, and the schema of the prepared data."""

from functools import cached_property
from pathlib import Path
from typing import Any, Protocol, Self

from pipeline.config import Config, PipelineError, Section, flatten
from pipeline.storage import PROCESSED

MODEL = "model.keras"
"""The network's file, in a folder that `TrainingTask.save` wrote."""


class TaskError(PipelineError):
    """A stage cannot do its work with the files it finds."""


class Schema(Protocol):
    """What preprocess inferred from the data; `schema.json`."""

    task: str
    prepared: dict[str, Any]
    """The `data` section under which it was prepared."""

    @property
    def monitors(self) -> tuple[str, ...]:
        """Validation scores that `train.monitor` may name; the first is the default."""
        ...

    def save(self, folder: Path) -> None:
        """Write `schema.json`."""
        ...

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read what `save` wrote."""
        ...


class Task:
    """One stage of one experiment.

    Args:
        config: The configuration of the experiment.
    """

    def __init__(self, config: Config) -> None:
        self.config = config

    @cached_property
    def schema(self) -> Any:
        """The schema of the prepared data, of the family's own type."""
        return self.config.family.load("schema").load(PROCESSED)

    @property
    def headline(self) -> str:
        """The score that the closing summary shows."""
        name: str = self.schema.monitors[0]
        return name

    @property
    def monitor(self) -> str:
        """The validation score that decides when to stop and which epoch to keep."""
        name: str = self.config.train.monitor
        return self.headline if name == "auto" else name

    @property
    def higher_is_better(self) -> bool:
        """Whether more of the monitored score is better."""
        return self.config.family.monitors[self.monitor]

    def require_prepared(self) -> None:
        """Refuse data that another configuration prepared.

        Raises:
            TaskError: Names the keys that differ and the command that prepares the right data.
        """
        section: Section = self.config.data
        found, expected = dict(flatten(self.schema.prepared)), dict(flatten(section.model_dump(mode="json")))
        different = [key for key in {**expected, **found} if found.get(key) != expected.get(key)]
        if different:
            lines = [
                f"data.{key}: prepared with {found.get(key)!r}, configured as {expected.get(key)!r}"
                for key in different[:8]
            ]
            raise TaskError(
                f"{PROCESSED} was prepared with other settings:\n  " + "\n  ".join(lines) + "\n"
                "Prepare the right data with `python -m pipeline.fetch` and `python -m pipeline.preprocess`, both with "
                f"these overrides, or run all stages: `dvc exp run -S experiment={self.config.name}` and -S OVERRIDE."
            )
