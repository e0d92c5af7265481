"""The configuration of the synthetic table, for tests within this process."""

from typing import Any

import yaml
from conftest import DATA

from pipeline.config import Config
from pipeline.config.config import check


def tiny(**changes: Any) -> Config:
    """Return the configuration; `section__key=value` changes a key."""
    tree: dict[str, Any] = {
        "name": "tiny",
        "task": "table",
        "seed": 1,
        "data": yaml.safe_load(DATA),
        "model": {
            "name": "embedding_mlp",
            "embedding_dim": 4,
            "embedding_dropout": 0.2,
            "hidden_layers": 1,
            "hidden_units": 8,
            "dropout": 0.5,
            "merge": "concat",
            "bins": 8,
        },
        "train": {
            "batch_size": 64,
            "epochs": 3,
            "learning_rate": 0.01,
            "patience": 0,
            "monitor": "auto",
            "checkpoint_minutes": 5,
        },
        "evaluate": {"bootstrap_samples": 100, "confidence": 0.95},
        "tracking": {"uri": None, "system_metrics": False, "log_model": False},
    }
    for name, value in changes.items():
        section, _, key = name.partition("__")
        if key:
            tree[section][key] = value
        else:
            tree[section] = value
    return check(tree)
