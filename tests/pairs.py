"""A synthetic corpus, and the configuration of small networks for it; the rest is as committed in conf/."""

from pathlib import Path
from typing import Any

import numpy as np
from tiny import changed, committed

from pipeline.config import Config

DIGITS = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]
FILES = {"train": 2000, "val": 100, "test": 100}
NETWORKS: dict[str, dict[str, Any]] = {
    "seq2seq": {"embedding_dim": 16, "hidden_units": 32},
    "attention": {"embedding_dim": 16, "hidden_units": 32, "dropout": 0.0},
    "transformer": {"embedding_dim": 32, "heads": 2, "hidden_units": 64, "hidden_layers": 2, "dropout": 0.0},
}


def write_pairs(folder: Path, longest: int = 6) -> None:
    """Write numbers and their digits in words, backwards: `4 0 7` → `seven zero four`."""
    random = np.random.default_rng(0)
    folder.mkdir(parents=True, exist_ok=True)
    for name, count in FILES.items():
        numbers = [random.integers(10, size=random.integers(2, longest + 1)) for _ in range(count)]
        source = "".join(f"{' '.join(map(str, each))}\n" for each in numbers)
        target = "".join(f"{' '.join(DIGITS[digit] for digit in each[::-1])}\n" for each in numbers)
        (folder / f"{name}.nr").write_text(source, encoding="utf-8")
        (folder / f"{name}.en").write_text(target, encoding="utf-8")


def pairs(network: str = "attention", **changes: Any) -> Config:
    """Return the configuration; `section__key=value` changes a key."""
    files = {name: {side: f"{name}.{side}" for side in ("nr", "en")} for name in FILES}
    data = {
        "source": {"name": "own", "folder": "data/own", "files": {f: None for s in files.values() for f in s.values()}},
        "source_lang": "nr",
        "target_lang": "en",
        **files,
        "tokenizer": {"nr": "whitespace", "en": "whitespace"},
    }
    train = {"batch_size": 32, "batch_unit": "sentences", "epochs": 3, "learning_rate": 0.01, "patience": 0}
    tree: dict[str, Any] = {
        "name": "pairs",
        "task": "translation",
        "seed": 1,
        "data": committed("data/enja.yaml", **data),
        "model": committed(f"model/{network}.yaml", **NETWORKS[network]),
        "train": committed("train/translation.yaml", **train, samples=1, decode_sentences=50),
        "evaluate": committed("evaluate/translation.yaml", bootstrap_samples=100),
        "export": committed("export/default.yaml"),
        "tracking": {"uri": None, "system_metrics": False, "log_model": False},
    }
    return changed(tree, changes)
