"""What can end a training."""

from pipeline.config import PipelineError


class TrainingError(PipelineError):
    """The training cannot go on."""
