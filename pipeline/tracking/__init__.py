"""The record: MLflow runs, provenance, the logged model. The only place that knows MLflow."""

from pipeline.tracking.lifecycle import (
    FAILED,
    FINISHED,
    FOLD_SCORE,
    KILLED,
    evaluation_run,
    flush,
    fold_run,
    log_to_training,
    reference_to,
    training_run,
)
from pipeline.tracking.logged_model import download_model, log_model
from pipeline.tracking.run import Run, RunReference, metric_name
from pipeline.tracking.store import TrackingError, open_store, store_uri
from pipeline.tracking.sweeps import SweepRecord

__all__ = [
    "FAILED",
    "FINISHED",
    "FOLD_SCORE",
    "KILLED",
    "Run",
    "RunReference",
    "SweepRecord",
    "TrackingError",
    "download_model",
    "evaluation_run",
    "flush",
    "fold_run",
    "log_model",
    "log_to_training",
    "metric_name",
    "open_store",
    "reference_to",
    "store_uri",
    "training_run",
]
