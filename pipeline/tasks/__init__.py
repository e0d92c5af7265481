"""Families of networks: each ties data, network, loop and scores together."""

from pipeline.tasks.task import Column, Evaluation, Scores, Task, TaskError, task_for

__all__ = ["Column", "Evaluation", "Scores", "Task", "TaskError", "task_for"]
