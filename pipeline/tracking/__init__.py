"""Experiment tracking: MLflow runs, provenance, the logged model. The only package that uses MLflow."""

from pipeline.tracking.errors import TrackingError
from pipeline.tracking.evaluation import FINAL, RIVALS, record_evaluation
from pipeline.tracking.evidence import Evidence, evidence_of
from pipeline.tracking.journal import pending, refused, sync_all
from pipeline.tracking.leftovers import leftovers
from pipeline.tracking.lifecycle import (
    FAILED,
    FINISHED,
    FOLD_SCORE,
    KILLED,
    evaluation_run,
    flush,
    fold_run,
    log_to_training,
    lost_runs,
    reap,
    reference_to,
    training_run,
)
from pipeline.tracking.listing import listed
from pipeline.tracking.logged_model import download_export, download_model
from pipeline.tracking.provenance import environment, machine
from pipeline.tracking.registry import champion, crown, model_name, version_of
from pipeline.tracking.run import EVALUATED_WITH, Run, RunReference, metric_name
from pipeline.tracking.scored import ScoredRun, log_comparison, scored
from pipeline.tracking.store import all_experiments, answering, open_store, store_uri
from pipeline.tracking.sweeps import SweepRecord
from pipeline.tracking.tags import CONFIRMATION, TRIAL, TRIAL_STATE
from pipeline.tracking.training import record_end, record_epoch, record_network, record_start

__all__ = [
    "CONFIRMATION",
    "EVALUATED_WITH",
    "FAILED",
    "FINAL",
    "FINISHED",
    "FOLD_SCORE",
    "KILLED",
    "RIVALS",
    "TRIAL",
    "TRIAL_STATE",
    "Evidence",
    "Run",
    "RunReference",
    "ScoredRun",
    "SweepRecord",
    "TrackingError",
    "all_experiments",
    "answering",
    "champion",
    "crown",
    "download_export",
    "download_model",
    "environment",
    "evaluation_run",
    "evidence_of",
    "flush",
    "fold_run",
    "leftovers",
    "listed",
    "log_comparison",
    "log_to_training",
    "lost_runs",
    "machine",
    "metric_name",
    "model_name",
    "open_store",
    "pending",
    "reap",
    "record_end",
    "record_epoch",
    "record_evaluation",
    "record_network",
    "record_start",
    "reference_to",
    "refused",
    "scored",
    "store_uri",
    "sync_all",
    "training_run",
    "version_of",
]
