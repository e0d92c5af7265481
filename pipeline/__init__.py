"""Onehot: an experiment pipeline for networks that start with an embedding."""

import os

PARENT_PID = os.getppid()
"""Who started this process, noted before anything slow: a stage must not outlive the `dvc` that started it."""

ENDS_WITH_PARENT = "PIPELINE_ENDS_WITH_PARENT"
"""Environment variable that workers of a sweep set for themselves: they end with their parent, as DVC's stages do."""

# Before anything imports Keras: TensorFlow's start-up notices would bury the one line a stage opens with.
os.environ.setdefault("KERAS_BACKEND", "tensorflow")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
# A pipeline that people run on their own data reports to nobody.
os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
