"""The interface of trained networks of every family, for raw input."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from pipeline.tasks.column import Column
from pipeline.tasks.task import TaskError

if TYPE_CHECKING:
    import keras
    import numpy as np
    import numpy.typing as npt
    import pyarrow as pa

    from pipeline.models.bundle_spec import BundleSpec

Batches = dict[str, list[dict[str, Any]]]
"""Network → batches of its inputs, arrays by name."""


@dataclass(frozen=True)
class Embedding:
    """The embeddings of one column.

    Attributes:
        column: Name of the column.
        names: Names of the column's categories, by code.
        vectors: Embeddings, shape (codes, width). Those of several combined networks are side by side.
    """

    column: str
    names: list[str]
    vectors: "npt.NDArray[np.float32]"


class Predictor(ABC):
    """A network that takes raw input.

    Args:
        schema: The schema of the data it was trained on, of the family's own type.
        model: The network.
    """

    def __init__(self, schema: Any, model: "keras.Model") -> None:
        self.schema, self.model = schema, model

    is_sequence_model = False
    """Whether examples are sequences of different lengths, with one output per position."""

    @classmethod
    @abstractmethod
    def load(cls, folder: Path) -> Self:
        """Load a network that `TrainingTask.save` wrote.

        Raises:
            PipelineError: The files are damaged or do not belong together.
        """

    @abstractmethod
    def columns(self) -> list[Column]:
        """Return the columns of raw input."""

    @abstractmethod
    def outputs(self) -> list[Column]:
        """Return the columns of a prediction."""

    @abstractmethod
    def example(self, processed: Path) -> list[dict[str, Any]]:
        """Return a few rows of raw input from prepared data.

        Args:
            processed: The folder of the prepared data.
        """

    @abstractmethod
    def batches(self, source: Path, size: int) -> Iterator[dict[str, "npt.NDArray[Any]"]]:
        """Yield batches of `size` of the network's inputs for the examples of a file, in order."""

    @abstractmethod
    def embedded(self) -> list[str]:
        """Return the names of the inputs with embeddings, in the order of the network's inputs."""

    @abstractmethod
    def unit_names(self) -> dict[str, list[str]]:
        """Return the names of a layer's units by the layer's path, for layers whose units correspond to columns."""

    @abstractmethod
    def embedding(self, name: str) -> Embedding:
        """Return the embeddings of one of the inputs in `embedded`.

        Raises:
            TaskError: There are no embeddings of this name.
        """

    def by_hand(self, _source: Path) -> str | None:
        """Return all sums in the output for a file's first example, as text; None if there are too many."""
        return None

    @abstractmethod
    def bundle(self) -> "BundleSpec":
        """Return the networks and metadata for a bundle that runs without a framework."""

    @abstractmethod
    def bundle_example(self, rows: "list[dict[str, Any]]") -> dict[str, Any]:
        """Return raw rows as the `input` of a bundle, and the `output` that the bundle must give, as JSON values."""

    @abstractmethod
    def __call__(self, rows: "pa.Table") -> "pa.Table":
        """Return one row of predictions for each raw row."""

    @abstractmethod
    def predict_file(self, source: Path, output: Path, options: Mapping[str, Any]) -> int:
        """Predict every example of a file, in order; return the number of examples.

        Args:
            source: The file of raw input.
            output: The file to write, whole or not at all.
            options: The given options by name; the family declares which exist.
        """

    def predict_stream(self, options: Mapping[str, Any]) -> int:
        """Predict line by line from standard input to standard output; return the number of lines.

        Raises:
            TaskError: The examples of this family are not lines of text.
        """
        raise TaskError(
            "this network predicts tables, not lines of text; give an input file, and -o FILE for the predictions"
        )
