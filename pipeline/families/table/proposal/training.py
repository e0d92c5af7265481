"""The settings of the network and of its training that `new` proposes: by kind of target, size and effort.

Chosen on the validation rows of many tables; docs/experiments.md, "The network that `new` proposes", has the figures.
"""

from collections.abc import Mapping
from typing import Any

from pipeline.families.table.proposal.profile import MANY, MEDIUM, SMALL, TableProfile

Settings = Mapping[str, Any]
Reasons = Mapping[str, str]
FINE = {"bins": 48, "numeric_embedding_dim": 16}
COARSE = {"bins": 16, "numeric_embedding_dim": 8}
"""Embeddings of the numbers: fine for amounts or many rows, coarse for classes of fewer rows. A class says less about
its row than an amount does, and the finer embedding fits the noise."""
TRAINING = {
    SMALL: {"learning_rate": 0.003, "batch_size": 64, "epochs": 60, "patience": 8},
    MEDIUM: {"learning_rate": 0.003, "batch_size": 256, "epochs": 40, "patience": 5},
}
"""Number of rows → the loop below it: a small table, too, needs a few hundred steps."""
LARGE_TRAINING = {"learning_rate": 0.001, "batch_size": 1024, "epochs": 10, "patience": 2}
SMALL_CLASSES_RATE = 0.001
"""Learning rate for classes of fewer than `SMALL` rows, which are soon learned by heart."""
MEMBERS, LARGE_MEMBERS = {"quick": 1, "usual": 8, "best": 32}, {"quick": 1, "usual": 8, "best": 16}
"""Effort → members of the ensemble, for fewer and for more rows than `MEDIUM`."""


def model_settings(profile: TableProfile) -> tuple[Settings, Reasons]:
    """Return what differs from conf/model/embedding_mlp.yaml, with reasons."""
    settings: dict[str, Any] = {}
    reasons = {}
    if profile.features("numeric", "both", "date"):
        is_fine = profile.kind == "regression" or profile.is_large
        settings |= {"numeric_encoding": "piecewise", **(FINE if is_fine else COARSE)}
    units = 256 if profile.is_large and profile.effort != "quick" else 128
    settings |= {"hidden_layers": 2, "hidden_units": units, "dropout": 0.1}
    if (members := (LARGE_MEMBERS if profile.is_large else MEMBERS)[profile.effort]) > 1:
        settings["ensemble"] = members
    widest = max(profile.features("categorical", "both"), key=lambda column: column.distinct, default=None)
    if widest is not None and widest.distinct >= MANY:
        settings["target_statistics"] = True
        reasons["target_statistics"] = f"{widest.name} has {widest.distinct:,} values in the sample"
    if profile.crosses != "none":
        settings["crosses"] = profile.crosses
        reasons["crosses"] = profile.reasons["crosses"]
    return settings, reasons


def train_settings(profile: TableProfile) -> Settings:
    """Return what differs from conf/train/default.yaml."""
    rows = len(profile.sample.rows)
    loop = next((loop for limit, loop in TRAINING.items() if rows < limit), LARGE_TRAINING)
    is_small = rows < SMALL and profile.kind != "regression"
    return {**loop, "learning_rate": SMALL_CLASSES_RATE} if is_small else loop
