"""The interface that `preprocess` requires of a family."""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from typing import Any

from pipeline.config import Config


class PreprocessTask(ABC):
    """Prepares the data of one experiment.

    Args:
        config: The configuration of the experiment.
    """

    def __init__(self, config: Config) -> None:
        self.config = config

    @property
    def prepared(self) -> dict[str, Any]:
        """The `data` section, as the schema records it."""
        section: dict[str, Any] = self.config.data.model_dump(mode="json")
        return section

    @abstractmethod
    def run(self) -> str:
        """Write `data/processed`, `reports/audit.json` and `reports/audit.md`; return a one-line summary."""


def report_warnings(warnings: Iterable[Mapping[str, str]]) -> None:
    """Print each warning's subject and text."""
    for warning in warnings:
        print(f"preprocess: warning: {warning['subject']}: {warning['text']}", flush=True)
