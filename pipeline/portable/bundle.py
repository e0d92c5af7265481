"""Reads a bundle, and does the network's job on raw input: rows, points, sentences, prompts.

A bundle is a folder with `bundle.json` (networks, vocabularies, scales) and `weights.npz`. This folder of code beside
it, NumPy, and Python's standard library are all that it takes.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from .errors import BundleError
from .points import Points
from .rows import Rows
from .runtime import Network
from .sentences import Sentences
from .texts import Texts

__all__ = ["ABOUT", "FORMAT", "WEIGHTS", "Bundle", "BundleError", "checksum", "load", "networks"]

FORMAT = 1
ABOUT, WEIGHTS = "bundle.json", "weights.npz"


def load(folder: str | Path) -> Bundle:
    """Read a bundle.

    Args:
        folder: With `bundle.json` and `weights.npz`.

    Raises:
        BundleError: It is not there, damaged, or of another version.
    """
    content = _checked(Path(folder))
    found: Bundle = KINDS[content["task"]](networks(folder), content["facts"], Path(folder))
    return found


def networks(folder: str | Path) -> dict[str, Network]:
    """Read the networks of a bundle, by name: they take and give arrays; `load` is for raw input.

    Raises:
        BundleError: As `load` does.
    """
    content = _checked(Path(folder))
    with np.load(Path(folder) / WEIGHTS, allow_pickle=False) as archive:
        weights = dict(archive)
    return {name: Network(graph, weights) for name, graph in content["networks"].items()}


def _checked(folder: Path) -> dict[str, Any]:
    """Return the description of a bundle that is whole and of this version."""
    about, held = folder / ABOUT, folder / WEIGHTS
    try:
        raw = held.read_bytes()
        content: dict[str, Any] = json.loads(about.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise BundleError(f"{folder}: no bundle, or a damaged one ({error})") from error
    version = content.get("format") if isinstance(content, dict) else None
    if version != FORMAT:
        raise BundleError(
            f"{about}: of format {version}, and this runtime reads format {FORMAT}; take the runtime that came with it"
        )
    received = hashlib.sha256(raw).hexdigest()
    if received != content["sha256"]:
        raise BundleError(f"{held}: damaged: sha256 is {received}, expected {content['sha256']}; copy it anew")
    if checksum(content) != content["checksum"]:
        raise BundleError(f"{about}: damaged: its content is not what its checksum says; copy it anew")
    return content


def checksum(content: Mapping[str, Any]) -> str:
    """Return the sha256 of a bundle's description, its own checksum left out."""
    rest = {name: each for name, each in content.items() if name != "checksum"}
    return hashlib.sha256(json.dumps(rest, sort_keys=True, ensure_ascii=True).encode()).hexdigest()


Bundle = Rows | Points | Sentences | Texts
KINDS: dict[str, Any] = {"table": Rows, "threshold": Points, "translation": Sentences, "text": Texts}
