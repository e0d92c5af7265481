"""Families of networks: each ties data, network, loop and scores together."""

from pipeline.tasks.predictor import Embedding, Predictor, TaskError
from pipeline.tasks.task import CODE, Column, Evaluation, Scores, Task, is_for, key_of, predictor_for, task_for

__all__ = [
    "CODE",
    "Column",
    "Embedding",
    "Evaluation",
    "Predictor",
    "Scores",
    "Task",
    "TaskError",
    "is_for",
    "key_of",
    "predictor_for",
    "task_for",
]
