"""What `new` needs of a family: configs for a user's own files."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Request:
    """What the user of `pipeline.new` gave.

    Attributes:
        name: Name of the new experiment.
        files: The user's files.
        folder: The folder where the stages will find them.
        target: The column to predict.
        unlabelled: A table without the target, to be predicted.
        read_all: Whether to look at the whole file instead of its first megabytes.
    """

    name: str
    files: Sequence[Path]
    folder: str
    target: str | None = None
    unlabelled: Path | None = None
    read_all: bool = False


@dataclass(frozen=True)
class Proposal:
    """Two configs, and what was found in the files.

    Attributes:
        report: What was found, for the terminal.
        data: Content of `conf/data/NAME.yaml`; empty if there is nothing to write yet.
        experiment: Content of `conf/experiment/NAME.yaml`.
        footnote: A line to print after the configs are written.
    """

    report: str
    data: str = ""
    experiment: str = ""
    footnote: str = ""


class Proposer(ABC):
    """Proposes configs for files that nothing is known about.

    Attributes:
        options: Options of `pipeline.new` that mean something to this family.
        review: Keys that the user should read over.
    """

    options: tuple[str, ...] = ()
    review: str

    @abstractmethod
    def rank(self, files: Sequence[Path], target: str | None) -> int:
        """Return how well the files suit this family; 0 if not at all. The highest rank wins."""

    @abstractmethod
    def propose(self, request: Request) -> Proposal:
        """Look at the files and write the configs.

        Raises:
            DataError: The files cannot be read or do not suit.
        """
