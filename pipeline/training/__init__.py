"""The loop, checkpoints and determinism."""

import pipeline.models  # noqa: F401  (first: it loads Keras without its notices)
from pipeline.training.checkpoint import Checkpoint, Checkpoints
from pipeline.training.determinism import epoch_order, make_deterministic
from pipeline.training.errors import TrainingError
from pipeline.training.examples import ArrayExamples, Examples, SentenceExamples, StreamExamples, WindowExamples
from pipeline.training.loop import Objective, Schedule, Training
from pipeline.training.progress import EpochRecord, Progress, mean_history

__all__ = [
    "ArrayExamples",
    "Checkpoint",
    "Checkpoints",
    "EpochRecord",
    "Examples",
    "Objective",
    "Progress",
    "Schedule",
    "SentenceExamples",
    "StreamExamples",
    "Training",
    "TrainingError",
    "WindowExamples",
    "epoch_order",
    "make_deterministic",
    "mean_history",
]
