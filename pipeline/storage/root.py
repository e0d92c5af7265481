"""Where a clone begins."""

import os
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]
"""The folder that holds this code: in `dvc exp run --temp` a copy that is deleted afterwards."""

CONF = PROJECT / "conf"


def root() -> Path:
    """Return the folder that outlives every run: the tracking store and the checkpoints are anchored here.

    DVC names it in `DVC_ROOT`, for its temporary copies too; a command run by hand finds the git root.
    """
    named = os.environ.get("DVC_ROOT")
    if named:
        return Path(named)
    for folder in (PROJECT, *PROJECT.parents):
        if (folder / ".git").exists():
            return folder
    return PROJECT


RAW = Path("data/raw")
PROCESSED = Path("data/processed")
MODELS = Path("models")
REPORTS = Path("reports")
AUDIT = REPORTS / "audit.json"
METRICS = REPORTS / "metrics.json"
PREDICTIONS = REPORTS / "predictions"
"""What stages write, in the current folder: DVC runs them in copies of the clone, too."""


def checkpoints(key: str) -> Path:
    """Return the checkpoint folder of a training: outside DVC's outs, which it empties before a stage."""
    return root() / ".checkpoints" / key


def written() -> list[Path]:
    """Return the folders in which stages write."""
    return [root() / name for name in ("", "data", "models", "reports", "export", ".checkpoints")]
