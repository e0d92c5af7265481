"""What cannot be made again."""

from pipeline.storage import PipelineError


class RebuildError(PipelineError):
    """A run cannot be made again; the text says why."""
