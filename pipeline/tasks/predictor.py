"""What every trained network can do for raw input, whichever its family."""

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
        column: Its name.
        names: Of its categories, by code.
        vectors: `(codes, width)`; of a network of several, all of theirs side by side.
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
    """Whether examples are sequences, of different lengths and with an output per position."""

    @classmethod
    @abstractmethod
    def load(cls, folder: Path) -> Self:
        """Load what `TrainingTask.save` wrote.

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
        """Return a few raw rows of prepared data.

        Args:
            processed: The folder of the prepared data.
        """

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

    @abstractmethod
    def bundle(self) -> "BundleSpec":
        """Return networks and facts for a bundle that runs without a framework."""

    @abstractmethod
    def bundle_example(self, rows: "list[dict[str, Any]]") -> dict[str, Any]:
        """Return, as JSON, the `input` of a bundle that asks what raw rows ask, and the `output` that it must give."""

    @abstractmethod
    def __call__(self, rows: "pa.Table") -> "pa.Table":
        """Return a row of predictions for each raw row."""

    @abstractmethod
    def predict_file(self, source: Path, output: Path, options: Mapping[str, Any]) -> int:
        """Predict every example of a file, in its order; return how many there were.

        Args:
            source: Raw input.
            output: Appears whole or not at all.
            options: The options that are given, by name; the family declares which there are.
        """

    def predict_stream(self, options: Mapping[str, Any]) -> int:
        """Predict line by line from standard input to standard output; return how many there were.

        Raises:
            TaskError: This family's examples are no lines.
        """
        raise TaskError("this network takes a table, from a file: name it, and -o FILE for its predictions")
