"""Families of networks: each ties data, network, loop and scores together."""

from pipeline.tasks.task import Column, Evaluation, Predictor, Scores, Task, TaskError, predictor_for, task_for

__all__ = ["Column", "Evaluation", "Predictor", "Scores", "Task", "TaskError", "predictor_for", "task_for"]
