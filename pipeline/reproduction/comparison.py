"""Compare a run with its reproduction: files byte for byte, scores, and the size of differences between weights."""

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
    """The result of a comparison.

    Attributes:
        same: The number of files that are identical, byte for byte.
        differences: One line per difference.
    """

    same: int
    differences: list[str]


def compared(
    then: Mapping[str, Mapping[str, str]],
    now: Mapping[str, Mapping[str, str]],
    scores: tuple[dict[str, Any], dict[str, Any]],
    networks: tuple[Path | None, Path],
) -> Comparison:
    """Compare the record of a run with the output of its reproduction.

    Args:
        then: The hashes of the run's files, by folder and path.
        now: The hashes of the files of the reproduction.
        scores: The content of metrics.json, then and now.
        networks: The path of `model.keras` then (None if it was not logged), and now.
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
    old_network, new_network = networks
    if differences and old_network is not None and old_network.is_file() and new_network.is_file():
        differences += list(weight_differences(old_network, new_network))
    return Comparison(same, differences)


def score_differences(then: dict[str, Any], now: dict[str, Any], prefix: str = "") -> Iterator[str]:
    """Yield one line per score that differs; the scores of the baselines are not compared."""
    for name in [*then, *(name for name in now if name not in then)]:
        if not prefix and name == "baseline":
            continue
        old, new = then.get(name), now.get(name)
        if isinstance(old, dict) and isinstance(new, dict):
            yield from score_differences(old, new, f"{prefix}{name}/")
        elif old != new:
            yield f"{prefix}{name}: {old} then, {new} now"


def weight_differences(then: Path, now: Path) -> Iterator[str]:
    """Yield one line per tensor that differs: its name and the largest difference."""
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
    import h5py  # a dependency of Keras, which writes the file

    tensors: dict[str, Any] = {}

    def collect(name: str, item: Any) -> None:
        if isinstance(item, h5py.Dataset):
            tensors[name] = np.asarray(item)

    with zipfile.ZipFile(path) as archive, h5py.File(BytesIO(archive.read(WEIGHTS)), "r") as content:
        content.visititems(collect)
    return tensors
