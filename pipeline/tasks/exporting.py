"""The interface that `export` requires of a family."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.tasks.predictor import Batches
from pipeline.tasks.task import Task

if TYPE_CHECKING:
    import keras

SAMPLES = 64
"""Test examples on which the formats of a network are compared."""


class ExportTask(Task, ABC):
    """Compares the exported networks of one experiment with Keras."""

    def predictor(self, folder: Path) -> Any:
        """Load the trained network, of the family's own type."""
        return self.config.family.load("predictor").load(folder)

    @abstractmethod
    def encoded_samples(self, predictor: Any, networks: Mapping[str, "keras.Model"]) -> Batches:
        """Return encoded test examples.

        Args:
            predictor: The trained network, of the family's own type.
            networks: The networks of its bundle, by name.

        Returns:
            Network → batches of inputs, a few examples each.
        """

    @abstractmethod
    def exported_score(self, predictor: Any, exported: Any, networks: Mapping[str, Any]) -> tuple[str, float, int]:
        """Score an exported network on validation examples.

        Args:
            predictor: The network in Keras, of the family's own type.
            exported: The same network in another format, for raw input.
            networks: The exported networks for encoded input, by name.

        Returns:
            Name and value of the score, and the number of examples.
        """
