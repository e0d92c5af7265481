"""Sweeps: search space, study, workers, report. The only package that uses Optuna."""

from pipeline.sweep.promote import promoted
from pipeline.sweep.sweep import run_sweep

__all__ = ["promoted", "run_sweep"]
