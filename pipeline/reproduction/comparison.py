"""Two runs of the same: files byte for byte, scores, and where weights differ by how much."""

import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np

WEIGHTS = "model.weights.h5"


@dataclass(frozen=True)
class Comparison:
    """What is the same, and what is not.

    Attributes:
        same: Files that are the same, byte for byte.
        differences: A line each.
    """

    same: int
    differences: list[str]


def compared(
    then: Mapping[str, Mapping[str, str]],
    now: Mapping[str, Mapping[str, str]],
    scores: tuple[dict[str, Any], dict[str, Any]],
    networks: tuple[Path | None, Path],
) -> Comparison:
    """Compare what a run recorded with what its repetition wrote.

    Args:
        then: Hashes of the run's files, by folder and path.
        now: Those of the repetition.
        scores: Content of metrics.json, then and now.
        networks: `model.keras` then, where it was logged, and now.
    """
    same, differences = 0, []
    for folder, old in then.items():
        new = now[folder]
        for path in sorted({*old, *new}):
            if old.get(path) == new.get(path):
                same += 1
            else:
                how = "is missing" if path not in new else "is new" if path not in old else "differs"
                differences.append(f"{folder}/{path} {how}")
    differences += list(score_differences(*scores))
    was, is_now = networks
    if differences and was is not None and was.is_file() and is_now.is_file():
        differences += list(weight_differences(was, is_now))
    return Comparison(same, differences)


def score_differences(then: dict[str, Any], now: dict[str, Any], prefix: str = "") -> Iterator[str]:
    """Give a line a score that differs; simpler models' are not compared."""
    for name in [*then, *(each for each in now if each not in then)]:
        if not prefix and name == "baseline":
            continue
        old, new = then.get(name), now.get(name)
        if isinstance(old, dict) and isinstance(new, dict):
            yield from score_differences(old, new, f"{prefix}{name}/")
        elif old != new:
            yield f"{prefix}{name}: {old} then, {new} now"


def weight_differences(then: Path, now: Path) -> Iterator[str]:
    """Give a line a tensor that differs: its name and the largest difference."""
    old, new = _weights(then), _weights(now)
    for name in sorted({*old, *new}):
        if name not in old or name not in new or old[name].shape != new[name].shape:
            yield f"weights {name}: {_shape(old, name)} then, {_shape(new, name)} now"
        elif old[name].tobytes() != new[name].tobytes():
            largest = float(np.max(np.abs(old[name].astype(np.float64) - new[name].astype(np.float64))))
            yield f"weights {name}: differ by {largest:.2g} at most"


def _shape(weights: Mapping[str, Any], name: str) -> str:
    return str(weights[name].shape) if name in weights else "none"


def _weights(path: Path) -> dict[str, Any]:
    import h5py  # comes with Keras, which writes it

    found: dict[str, Any] = {}

    def note(name: str, item: Any) -> None:
        if isinstance(item, h5py.Dataset):
            found[name] = np.asarray(item)

    with zipfile.ZipFile(path) as archive, h5py.File(BytesIO(archive.read(WEIGHTS)), "r") as content:
        content.visititems(note)
    return found
