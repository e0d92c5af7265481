"""The error that is raised for faulty data."""

from pipeline.storage import PipelineError


class DataError(PipelineError):
    """A file, a column or a split is not as the configuration describes it."""
