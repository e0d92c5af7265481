"""Onehot: an experiment pipeline for networks that start with an embedding."""

import os
import sys
from importlib.util import find_spec

PARENT_PID = os.getppid()
"""Id of the parent process, read before slow imports: a stage must not outlive the `dvc` that started it."""

ENDS_WITH_PARENT = "PIPELINE_ENDS_WITH_PARENT"
"""Environment variable that workers of a sweep set for themselves, to end with their parent as DVC stages do."""

if sys.argv[:1] == ["-m"] and find_spec("hydra") is None:
    sys.exit(
        f"error: {sys.executable} does not have what this project needs; install it with `make repro`, or activate the "
        "environment where it is installed: `. .venv/bin/activate`"
    )

# Set before Keras is imported, because TensorFlow's start-up notices would hide the opening line of a stage.
os.environ.setdefault("KERAS_BACKEND", "tensorflow")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
# No usage reports: people run this pipeline on their own data.
os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
