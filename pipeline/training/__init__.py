"""The training loop, checkpoints and determinism."""

import pipeline.models  # noqa: F401  (must come first: loads Keras without its start-up messages)
from pipeline.training.checkpoint import Checkpoint, Checkpoints
from pipeline.training.determinism import epoch_order, make_deterministic
from pipeline.training.errors import TrainingError
from pipeline.training.examples import ArrayExamples, Examples
from pipeline.training.loop import Objective, Training
from pipeline.training.progress import EpochRecord, Progress, mean_history

__all__ = [
    "ArrayExamples",
    "Checkpoint",
    "Checkpoints",
    "EpochRecord",
    "Examples",
    "Objective",
    "Progress",
    "Training",
    "TrainingError",
    "epoch_order",
    "make_deterministic",
    "mean_history",
]
