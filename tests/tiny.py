"""The configuration of the synthetic table, for tests within this process; the rest is as committed in conf/."""

from collections.abc import Mapping
from dataclasses import fields
from typing import TYPE_CHECKING, Any

import yaml
from conftest import DATA, ROOT

from pipeline.config import Config
from pipeline.config.config import check

if TYPE_CHECKING:
    from pipeline.models import MlpSettings


def committed(path: str, **changes: Any) -> dict[str, Any]:
    """Return a file of conf/ with some keys changed."""
    content: dict[str, Any] = yaml.safe_load((ROOT / "conf" / path).read_text(encoding="utf-8"))
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
        "model": committed("model/embedding_mlp.yaml", embedding_dim=4, hidden_units=8, bins=8, number_dim=3),
        "train": committed("train/default.yaml", batch_size=64, epochs=3, learning_rate=0.01, patience=0),
        "evaluate": {"bootstrap_samples": 100, "confidence": 0.95},
        "export": committed("export/default.yaml"),
        "tracking": {"uri": None, "system_metrics": False, "log_model": False},
    }
    return changed(tree, changes)


def mlp(**changes: Any) -> "MlpSettings":
    """Return the axes of a small network."""
    from pipeline.models import MlpSettings

    small = {"embedding_dim": 4, "hidden_layers": 2, "hidden_units": 8, "bins": 4, "number_dim": 3, "frequencies": 5}
    content = {**committed("model/embedding_mlp.yaml", **small), **changes}
    return MlpSettings(**{field.name: content[field.name] for field in fields(MlpSettings)})
