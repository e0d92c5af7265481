"""The interface that `baseline` requires of a family."""

from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import Any

import numpy.typing as npt

from pipeline.config import Config
from pipeline.tasks.evaluation import Scores
from pipeline.tasks.task import Task


class BaselineTask(Task, ABC):
    """Scores simple models on the split of one experiment.

    Attributes:
        validation_outputs: Name of a model → its outputs for the validation rows, in the order of
            `Evaluation.validation_outputs`. `scores` fills it, for models whose outputs can be averaged with those of
            the network.
    """

    def __init__(self, config: Config) -> None:
        super().__init__(config)
        self.validation_outputs: dict[str, npt.NDArray[Any]] = {}

    @abstractmethod
    def scores(self) -> Iterator[tuple[str, Scores]]:
        """Fit simple models one after the other; yield the name and the test scores of each."""
