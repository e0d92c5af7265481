"""The tags of a run: those that a person filters by, and those that only this program reads.

MLflow's UI hides tags whose names begin with `mlflow.`, and shows all others on the page of a run.
"""

_HIDDEN = "mlflow.onehot"

FAMILY, DATA, COMMIT, DIRTY, PRECISION = "family", "data", "commit", "dirty", "precision"
"""Shown: the family; the hash of the prepared data; the commit, shortened; whether the code differs from it; the
precision of the training."""
DVC_EXPERIMENT = "dvc_experiment"
"""Shown: the name that `dvc exp` gave the run."""

PARENT = "mlflow.parentRunId"
DESCRIPTION = "mlflow.note.content"
SOURCE_COMMIT = "mlflow.source.git.commit"
"""MLflow's own."""

PROCESS, SEEN = f"{_HIDDEN}.process", f"{_HIDDEN}.heartbeat"
"""The process that writes the run (see `this_process`), and its last heartbeat."""
KEY, EPOCHS = f"{_HIDDEN}.key", f"{_HIDDEN}.epochs"
"""The fingerprint of everything that a training depends on, and its number of epochs."""
CLONE = f"{_HIDDEN}.clone"
"""The clone that holds the checkpoints of the run."""
HEADLINE = f"{_HIDDEN}.headline"
"""The name of the main score."""
EVALUATED, RESTORED = f"{_HIDDEN}.evaluated", f"{_HIDDEN}.restored_from"
"""The hash of everything that the evaluation depends on, and the training that an evaluation of its own belongs to."""
FOLD = f"{_HIDDEN}.fold"
SWEEP, TRIAL, CONFIRMATION, TRIAL_STATE = (f"{_HIDDEN}.{name}" for name in ("sweep", "trial", "confirm", "trial.state"))
"""The study of a sweep; the number and the state of a trial, and the label of a repetition, in their own runs."""
