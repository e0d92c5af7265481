"""The root of the clone, and the paths of stages' inputs and outputs."""

import os
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]
"""The folder that contains this code; with `dvc exp run --temp` it is a copy that is deleted afterwards."""

CONF = PROJECT / "conf"


def root() -> Path:
    """Return the folder that outlives every run; it contains the tracking store and the checkpoints.

    DVC passes it in `DVC_ROOT`, for its temporary copies, too. Without that variable it is the root of the git
    checkout.
    """
    dvc_root = os.environ.get("DVC_ROOT")
    if dvc_root:
        return Path(dvc_root)
    for folder in (PROJECT, *PROJECT.parents):
        if (folder / ".git").exists():
            return folder
    return PROJECT


RAW = Path("data/raw")
PROCESSED = Path("data/processed")
MODELS = Path("models")
REPORTS = Path("reports")
AUDIT = REPORTS / "audit.json"
METRICS, SCORES = REPORTS / "metrics.json", REPORTS / "scores.json"
LEARNING_CURVE = REPORTS / "learning_curve.csv"
PREDICTIONS = REPORTS / "predictions"
TEST_SCORES = PREDICTIONS / "test_scores.npz"
PLOTS, CURVES = REPORTS / "plots", REPORTS / "curves"
CARD = REPORTS / "model_card.md"
"""Outputs of stages, relative to the current folder: DVC also runs stages in copies of the clone."""


def checkpoints(key: str) -> Path:
    """Return the folder of checkpoints of a training; it is outside DVC's outs, which DVC empties before a stage."""
    return root() / ".checkpoints" / key


def written() -> list[Path]:
    """Return the folders to which stages write."""
    return [root() / name for name in ("", "data", "models", "reports", "export", ".checkpoints")]
