"""The record: MLflow runs, provenance, the logged model. The only place that knows MLflow."""

from pipeline.tracking.lifecycle import evaluation_run, reference_to, training_run
from pipeline.tracking.logged_model import download_model, log_model
from pipeline.tracking.run import Run, RunReference
from pipeline.tracking.store import TrackingError, open_store, store_uri

__all__ = [
    "Run",
    "RunReference",
    "TrackingError",
    "download_model",
    "evaluation_run",
    "log_model",
    "open_store",
    "reference_to",
    "store_uri",
    "training_run",
]
