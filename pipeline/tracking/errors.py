"""The error of the tracking store."""

from pipeline.storage import PipelineError


class TrackingError(PipelineError):
    """The tracking store cannot be used, or lacks what was asked for."""
