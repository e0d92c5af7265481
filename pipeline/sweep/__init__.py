"""Sweeps: search space, study, workers, report. The only place that knows Optuna."""

from pipeline.sweep.promote import promoted
from pipeline.sweep.sweep import run_sweep

__all__ = ["promoted", "run_sweep"]
