"""The settings committed in conf/, for networks and training loops outside an experiment."""

from typing import Any

from pipeline.config import Train, section_of
from pipeline.storage import CONF


def committed(path: str, **changes: Any) -> dict[str, Any]:
    """Return a section of conf/ with some keys changed."""
    content = section_of(CONF / path)
    if content is None:
        raise ValueError(f"conf/{path} is not a config section")
    return {**content, **changes}


def train_settings(epochs: int) -> Train:
    """Return the settings of a training loop with Adam's default learning rate and no early stopping."""
    return Train(**committed("train/base.yaml", batch_size=1, epochs=epochs, learning_rate=1e-3, patience=0))
