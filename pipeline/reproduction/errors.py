"""The error for runs that cannot be reproduced."""

from pipeline.storage import PipelineError


class RebuildError(PipelineError):
    """A run cannot be reproduced; the message says why."""
