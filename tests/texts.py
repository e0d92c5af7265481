"""A synthetic text, and the configuration of small networks for it; the rest is as committed in conf/."""

from pathlib import Path
from typing import Any

import numpy as np
from tiny import changed, committed

from pipeline.config import Config

NETWORKS: dict[str, dict[str, Any]] = {
    "char_window": {"hidden_units": 16},
    "char_rnn": {"embedding_dim": 8, "hidden_units": 32},
}


def write_text(folder: Path, characters: int = 3000) -> None:
    """Write sentences of a few words."""
    random = np.random.default_rng(0)
    parts = [["A cat", "The dog", "No bird"], ["saw", "heard", "liked"], ["the sun", "a tree", "my house"]]
    lines = [" ".join(part[random.integers(3)] for part in parts) + ".\n" for _ in range(characters // 15)]
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "text.txt").write_text("".join(lines)[:characters], encoding="utf-8")


def text(network: str = "char_rnn", **changes: Any) -> Config:
    """Return the configuration; `section__key=value` changes a key. The 2,400 characters are read in 19 steps."""
    data = {
        "source": {"name": "own", "folder": "data/own", "files": {"text.txt": None}},
        "file": "text.txt",
        "validation_fraction": 0.1,
        "test_fraction": 0.1,
    }
    train = {"batch_size": 4, "bptt_length": 32, "epochs": 3, "learning_rate": 0.01, "patience": 0, "sample_length": 20}
    tree: dict[str, Any] = {
        "name": "writes",
        "task": "text",
        "seed": 1,
        "data": committed("data/text.yaml", **data),
        "model": committed(f"model/{network}.yaml", **NETWORKS[network]),
        "train": committed("train/text.yaml", **train),
        "evaluate": committed("evaluate/text.yaml", bootstrap_samples=100, sample_length=30),
        "export": committed("export/default.yaml"),
        "tracking": {"uri": None, "system_metrics": False, "log_model": False},
    }
    return changed(tree, changes)
