"""The interface that `new` requires of a family: configs for a user's own files."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from pipeline.config import Config


@dataclass(frozen=True)
class Request:
    """The request of a user of `pipeline.new`.

    Attributes:
        name: Name of the new experiment.
        files: The user's files.
        folder: The folder where the stages will find them.
        target: The column to predict, if there is one.
        unlabelled: A table without the target, to be predicted, if there is one.
        read_all: Whether to read the whole file, however large.
        effort: How long the proposed training may take: `quick`, `usual`, or `best`.
        header: Whether the first line of a table names its columns; None to find out.
    """

    name: str
    files: Sequence[Path]
    folder: str
    target: str | None = None
    unlabelled: Path | None = None
    read_all: bool = False
    effort: str = "usual"
    header: bool | None = None


@dataclass(frozen=True)
class Proposal:
    """Two configs and a report on the files.

    Attributes:
        report: Description of the files, for the terminal.
        data: Content of `conf/data/NAME.yaml`; empty if there is nothing to write yet.
        experiment: Content of `conf/experiment/NAME.yaml`.
        footnote: A line to print after the configs are written.
        check: Called with the configuration as the stages read it, before anything is written; raises DataError if it
            is not the proposed one.
    """

    report: str
    data: str = ""
    experiment: str = ""
    footnote: str = ""
    check: Callable[[Config], None] | None = None


class Proposer(ABC):
    """Proposes configs for files about which nothing is known.

    Attributes:
        options: Options of `pipeline.new` that this family supports.
        review: Keys that the user should check.
    """

    options: tuple[str, ...] = ()
    review: str

    @abstractmethod
    def rank(self, files: Sequence[Path], target: str | None) -> int:
        """Return how well the files suit this family; 0 if not at all. The highest rank wins."""

    @abstractmethod
    def propose(self, request: Request) -> Proposal:
        """Examine the files and return configs for them.

        Raises:
            DataError: The files cannot be read, or do not suit the family.
        """
