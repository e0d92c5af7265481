"""The base of all stages after `preprocess`: the configuration and the schema of the prepared data."""

from functools import cached_property
from typing import Any

from pipeline.config import Config, PipelineError, Section, flatten
from pipeline.data.schema_json import PREPARE_AGAIN
from pipeline.storage import PROCESSED, verify

MODEL = "model.keras"
"""Name of the network's file in a folder that `TrainingTask.save` wrote."""


class TaskError(PipelineError):
    """A stage cannot run with the files that exist."""


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
        """Whether a higher monitored score is better."""
        return self.config.family.monitors[self.monitor]

    def require_prepared(self, advice: str | None = None) -> None:
        """Reject data that was prepared with another configuration.

        Args:
            advice: How to prepare the right data; None for the commands of a stage.

        Raises:
            TaskError: Names the keys that differ and the command that prepares the right data.
            DamagedError: A file of the prepared data is not as it was written.
        """
        section: Section = self.config.data
        prepared, expected = dict(flatten(self.schema.prepared)), dict(flatten(section.model_dump(mode="json")))
        different = [key for key in {**expected, **prepared} if prepared.get(key) != expected.get(key)]
        if different:
            lines = [
                f"data.{key}: prepared with {prepared.get(key)!r}, configured as {expected.get(key)!r}"
                for key in different[:8]
            ]
            commands = advice or (
                "Prepare the right data with `python -m pipeline.fetch` and `python -m pipeline.preprocess`, both with "
                f"these overrides, or run all stages: `dvc exp run -S experiment={self.config.name}` and -S OVERRIDE."
            )
            keys = "\n  ".join(lines)
            raise TaskError(f"{PROCESSED} was prepared with other settings:\n  {keys}\n{commands}")
        verify(PROCESSED, PREPARE_AGAIN, remember=True)
