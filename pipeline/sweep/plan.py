"""What a sweep is: everything that a worker in another process must know."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.storage import root
from pipeline.sweep.space import Space

COSTS = ("parameters", "seconds")
"""What may be minimised besides scores: size of the network, time of the training."""


@dataclass(frozen=True)
class Plan:
    """A sweep.

    Attributes:
        study: Its name.
        storage: Where Optuna keeps it.
        space: What is searched.
        overrides: Of every trial.
        tree: The composed config that the trials change.
        metrics: What is optimised, each `val/NAME`, `train/loss`, `parameters` or `seconds`.
        directions: `maximize` or `minimize`, one a metric.
        n_trials: Over all workers and starts.
        n_jobs: Workers.
        timeout: Seconds after which no trial is begun; None for none.
        trial_seconds: After which a trial ends with what it has; None for none.
        max_failure_rate: Share of `n_trials` that may fail before the sweep stops.
        sampler: `name` and its own settings.
        pruner: `name` and its own settings.
        parent: The MLflow run of the sweep.
        failed_before: Trials that had failed when this start began.
        mark: Of the study and the code: checkpoints of others are never picked up.
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
        """Where its trials write: `.sweeps/STUDY` at the root."""
        return root() / ".sweeps" / self.study
