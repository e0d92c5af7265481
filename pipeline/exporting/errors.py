"""What cannot be exported."""

from pipeline.storage import PipelineError


class ExportError(PipelineError):
    """A network holds what a format cannot express."""
