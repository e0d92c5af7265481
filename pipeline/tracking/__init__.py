"""The record: MLflow runs, provenance, the logged model. The only place that knows MLflow."""

from pipeline.tracking.lifecycle import evaluation_run, reference_to, run_of_training, training_run
from pipeline.tracking.logged_model import download_model, log_model
from pipeline.tracking.run import Run, RunReference, metric_name
from pipeline.tracking.store import TrackingError, open_store, store_uri
from pipeline.tracking.sweeps import FAILED, FINISHED, KILLED, SweepRecord

__all__ = [
    "FAILED",
    "FINISHED",
    "KILLED",
    "Run",
    "RunReference",
    "SweepRecord",
    "TrackingError",
    "download_model",
    "evaluation_run",
    "log_model",
    "metric_name",
    "open_store",
    "reference_to",
    "run_of_training",
    "store_uri",
    "training_run",
]
