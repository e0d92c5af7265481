"""The plan of a sweep: everything that a worker in another process needs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any

from pipeline.config import Config, check, load, with_values
from pipeline.storage import root
from pipeline.sweep.space import Space

COSTS = ("parameters", "seconds")
"""Costs that can be minimised: number of weights, training time in seconds."""


@dataclass(frozen=True)
class Plan:
    """A sweep.

    Attributes:
        study: Name of the study.
        storage: URL of Optuna's storage.
        space: The search space.
        overrides: Overrides that hold for every trial.
        tree: The composed configuration that the trials modify.
        references: Its settings that refer to environment variables; see `Config`.
        metrics: The optimised metrics: `val/NAME`, `train/loss`, `parameters` or `seconds`.
        directions: `maximize` or `minimize` for each metric.
        n_trials: Total number of trials, over all workers and restarts.
        n_jobs: Number of workers.
        timeout: Seconds after which no trial is started; None for no limit.
        trial_seconds: Seconds after which a trial stops and keeps its scores so far; None for no limit.
        max_failure_rate: Share of `n_trials` that may fail before the sweep stops.
        sampler: Name and settings of the sampler.
        pruner: Name and settings of the pruner.
        parent: Id of the sweep's MLflow run.
        failed_before: Number of trials that had failed before this start.
        mark: Hash of the study and the code, so that checkpoints of another study or version are never resumed.
    """

    study: str
    storage: str
    space: Space
    overrides: Sequence[str]
    tree: dict[str, Any]
    metrics: Sequence[str]
    directions: Sequence[str]
    n_trials: int
    n_jobs: int
    timeout: float | None
    trial_seconds: float | None
    max_failure_rate: float
    sampler: Mapping[str, Any]
    pruner: Mapping[str, Any]
    references: Mapping[str, str] = field(default_factory=dict)
    parent: str = ""
    failed_before: int = 0
    mark: str = ""

    def config(self, values: Mapping[str, Any]) -> Config:
        """Return the configuration of a trial.

        Args:
            values: Settings by key, and choices by group.

        Raises:
            ConfigError: The settings contradict each other.
        """
        groups = {key: values[key] for key in self.space.choices if key in values}
        base = composed(self.overrides, groups) if groups else self
        rest = {key: value for key, value in values.items() if key not in groups}
        # All trials belong to one experiment, whichever settings they have.
        config = check({**with_values(base.tree, rest), "name": self.tree["name"]})
        return replace(config, references={key: text for key, text in base.references.items() if key not in rest})

    @property
    def folder(self) -> Path:
        """Folder that the trials write to: `.sweeps/STUDY` at the root."""
        return root() / ".sweeps" / self.study


def composed(overrides: Sequence[str], choices: Mapping[str, str]) -> Config:
    """Return the configuration with some overrides and choices of groups.

    Raises:
        ConfigError: There is no such choice, or an override does not suit it.
    """
    return _composed(tuple(with_choices(overrides, choices)))


def with_choices(overrides: Sequence[str], choices: Mapping[str, str]) -> list[str]:
    """Return overrides, and those that choose from groups."""
    return [*overrides, *(f"{group}={choice}" for group, choice in choices.items())]


@cache
def _composed(overrides: tuple[str, ...]) -> Config:
    return load(list(overrides))
