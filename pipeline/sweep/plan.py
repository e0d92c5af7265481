"""The plan of a sweep: everything that a worker in another process needs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

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
    parent: str = ""
    failed_before: int = 0
    mark: str = ""

    @property
    def folder(self) -> Path:
        """Folder that the trials write to: `.sweeps/STUDY` at the root."""
        return root() / ".sweeps" / self.study
