"""The configuration of the threshold family, with fewer epochs; the rest is as committed in conf/."""

from typing import Any

from tiny import changed, committed

from pipeline.config import Config


def points(**changes: Any) -> Config:
    """Return the configuration; `section__key=value` changes a key. 304 training points make 19 batches."""
    tree: dict[str, Any] = {
        "name": "sides",
        "task": "threshold",
        "seed": 1,
        "data": committed("data/threshold.yaml", points=380, test_points=200),
        "model": committed("model/tanh_mlp.yaml"),
        "train": committed("train/threshold.yaml", batch_size=16, epochs=3, learning_rate=0.02),
        "evaluate": committed("evaluate/base.yaml", bootstrap_samples=100),
        "export": committed("export/default.yaml"),
        "tracking": {"uri": None, "system_metrics": False, "log_model": False},
    }
    return changed(tree, changes)
