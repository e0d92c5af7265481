"""Errors of the training library."""

from pipeline.storage import PipelineError


class TrainingError(PipelineError):
    """The training cannot continue."""
