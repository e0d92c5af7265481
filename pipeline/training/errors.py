"""What can end a training."""

from pipeline.storage import PipelineError


class TrainingError(PipelineError):
    """The training cannot go on."""
