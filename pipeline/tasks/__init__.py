"""Families of networks: each ties data, network, loop and scores together."""

from pipeline.tasks.task import (
    CODE,
    Column,
    Embedding,
    Evaluation,
    Predictor,
    Scores,
    Task,
    TaskError,
    predictor_for,
    task_for,
)

__all__ = [
    "CODE",
    "Column",
    "Embedding",
    "Evaluation",
    "Predictor",
    "Scores",
    "Task",
    "TaskError",
    "predictor_for",
    "task_for",
]
