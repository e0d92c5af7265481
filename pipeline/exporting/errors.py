"""Errors of the export library."""

from pipeline.storage import PipelineError


class ExportError(PipelineError):
    """A network cannot be exported to a format."""
