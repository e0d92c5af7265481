"""The interface that `baseline` requires of a family."""

from abc import ABC, abstractmethod
from collections.abc import Iterator

from pipeline.tasks.evaluation import Scores
from pipeline.tasks.task import Task


class BaselineTask(Task, ABC):
    """Scores simple models on the split of one experiment."""

    @abstractmethod
    def scores(self) -> Iterator[tuple[str, Scores]]:
        """Fit simple models one after the other; yield the name and the test scores of each."""
