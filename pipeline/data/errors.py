"""What can be wrong with data."""

from pipeline.storage import PipelineError


class DataError(PipelineError):
    """A file, a column or a split is not what the configuration says."""
