"""Why a training starts from scratch although an earlier one left checkpoints."""

import json
from contextlib import suppress
from pathlib import Path
from typing import Any

from pipeline.storage import write_json

KEY = "key.json"
"""Name of the file, next to the checkpoints of a training, that holds everything that decides its result."""
SHOWN = 8


def save_inputs(folder: Path, name: str, store: str, inputs: dict[str, Any]) -> None:
    """Write everything that decides a training's result next to its checkpoints.

    Args:
        folder: The folder of the checkpoints.
        name: Name of the experiment.
        store: Address of the tracking store.
        inputs: The result of `TrainingTask.fingerprint_inputs`.
    """
    write_json(folder / KEY, {"name": name, "store": store, "inputs": inputs})


def explain_new_training(folder: Path, name: str, inputs: dict[str, Any]) -> str | None:
    """Return how this training differs from the experiment's last one, if that left checkpoints.

    Args:
        folder: The folder of this training's checkpoints.
        name: Name of the experiment.
        inputs: The result of `TrainingTask.fingerprint_inputs`.
    """
    candidates = []
    for path in folder.parent.glob(f"*/{KEY}"):
        # Another version may have written it, and another training may be replacing its checkpoints.
        with suppress(OSError, ValueError, KeyError):
            content = json.loads(path.read_text(encoding="utf-8"))
            newest = max(path.parent.rglob("*.npz"), default=None, key=_modified)
            if path.parent != folder and newest and content["name"] == name:
                # Earlier versions of Onehot wrote the inputs under another name.
                candidates.append((_modified(newest), newest, dict(content.get("inputs", {}))))
    if not candidates:
        return None
    _, newest, other = max(candidates, key=lambda entry: entry[0])
    if not other:
        return f"starting a new training: another version of Onehot wrote the checkpoints in {newest.parent}"
    different = [
        f"{key} ({other.get(key)} there, {inputs.get(key)} now)" if "." in key or key == "seed" else key
        for key in {**inputs, **other}
        if inputs.get(key) != other.get(key)
    ]
    more = f" and {len(different) - SHOWN} more" if len(different) > SHOWN else ""
    return (
        f"starting a new training: the checkpoints of experiment {name} in {newest.parent} differ in "
        f"{', '.join(different[:SHOWN])}{more}"
    )


def _modified(path: Path) -> float:
    return path.stat().st_mtime
