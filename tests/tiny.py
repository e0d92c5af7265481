"""The configuration of the synthetic table, for tests within this process; the rest is as committed in conf/."""

from collections.abc import Mapping
from typing import Any

import yaml
from conftest import DATA, ROOT

from pipeline.config import Config, Train, section_of
from pipeline.config.config import check
from pipeline.families.table.settings import EmbeddingMlp


def committed(path: str, **changes: Any) -> dict[str, Any]:
    """Return a file of conf/ with some keys changed."""
    content = section_of(ROOT / "conf" / path)
    assert content is not None
    return {**content, **changes}


def changed(tree: dict[str, Any], changes: Mapping[str, Any]) -> Config:
    """Return a configuration with `section__key` → value changed."""
    for name, value in changes.items():
        section, _, key = name.partition("__")
        if key:
            tree[section][key] = value
        else:
            tree[section] = value
    return check(tree)


def tiny(**changes: Any) -> Config:
    """Return the configuration; `section__key=value` changes a key."""
    tree: dict[str, Any] = {
        "name": "tiny",
        "task": "table",
        "seed": 1,
        "data": yaml.safe_load(DATA),
        "model": committed(
            "model/embedding_mlp.yaml", embedding_dim=4, hidden_units=8, bins=8, numeric_embedding_dim=3
        ),
        "train": committed("train/default.yaml", batch_size=64, epochs=3, learning_rate=0.01, patience=0),
        "evaluate": committed("evaluate/default.yaml", bootstrap_samples=100),
        "export": committed("export/default.yaml"),
        "tracking": {"uri": None, "system_metrics": False, "log_model": False},
    }
    return changed(tree, changes)


def train_settings(epochs: int, learning_rate: float, **changes: Any) -> Train:
    """Return the settings of a training loop, as committed but for what is given."""
    given = {"batch_size": 1, "epochs": epochs, "learning_rate": learning_rate, "patience": 0}
    return Train(**committed("train/base.yaml", **given) | changes)


def mlp(**changes: Any) -> EmbeddingMlp:
    """Return the axes of a small network."""
    small = {
        "embedding_dim": 4,
        "hidden_layers": 2,
        "hidden_units": 8,
        "bins": 4,
        "numeric_embedding_dim": 3,
        "frequencies": 5,
    }
    return EmbeddingMlp(**committed("model/embedding_mlp.yaml", **small) | changes)
