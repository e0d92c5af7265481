"""Load a bundle and apply its network to raw input: rows, points, sentences or prompts.

A bundle is a folder with `bundle.json` (networks, vocabularies, scales) and `weights.npz`. It needs only this folder of
code, NumPy and the standard library of Python. In formats other than `numpy`, the networks are files of another
runtime, whose package must be installed, too; everything else is the same.
"""

from __future__ import annotations

import hashlib
import importlib
import io
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from .errors import BundleError
from .external_runtime import RuntimeSession, open_session
from .runtime import Network

__all__ = ["ABOUT", "FORMAT", "WEIGHTS", "BundleError", "Reader", "checksum", "load", "networks"]

FORMAT = 3
ABOUT, WEIGHTS = "bundle.json", "weights.npz"


Reader = Any
"""A callable that takes raw input: rows, points, sentences or a prompt, depending on the family. For the service it
also has `field`, `describe` and `answer`; see `service.py`."""


def load(folder: str | Path) -> Reader:
    """Return the reader of a bundle, which takes raw input.

    Args:
        folder: The folder with `bundle.json` and the files that it lists.

    Raises:
        BundleError: The bundle is missing, corrupt or of another version, or its runtime is not installed.
    """
    content, sessions = _read(Path(folder))
    reader: Reader = _reader_class(content)(sessions, content["facts"], Path(folder))
    return reader


def networks(folder: str | Path) -> dict[str, Network | RuntimeSession]:
    """Return the networks of a bundle by name; they take and return arrays. Use `load` for raw input.

    Raises:
        BundleError: The bundle is missing, corrupt or of another version, or its runtime is not installed.
    """
    return _read(Path(folder))[1]


def _read(folder: Path) -> tuple[dict[str, Any], dict[str, Network | RuntimeSession]]:
    about = folder / ABOUT
    try:
        content = json.loads(about.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise BundleError(f"{folder}: the bundle is missing or corrupt ({error}); copy it again") from error
    version = content.get("format") if isinstance(content, dict) else None
    if version != FORMAT:
        raise BundleError(
            f"{about}: has format {version}, but this code reads format {FORMAT}; use the code from the same bundle"
        )
    if checksum(content) != content["checksum"]:
        raise BundleError(f"{about}: corrupt: the content does not match the checksum; copy it again")
    files = {name: _verified(folder / name, expected) for name, expected in content["files"].items()}
    weights: dict[str, Any] = {}
    if WEIGHTS in files:
        with np.load(io.BytesIO(files[WEIGHTS]), allow_pickle=False) as archive:
            weights = dict(archive)
    sessions: dict[str, Network | RuntimeSession] = {}
    for name, described in content["networks"].items():
        if "file" not in described:
            sessions[name] = Network(described, weights)
        else:
            path = folder / described["file"]
            sessions[name] = open_session(path, described["inputs"], single=described["single"])
    return content, sessions


def _verified(path: Path, expected: str) -> bytes:
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise BundleError(f"{path}: cannot be read ({error}); copy it again") from error
    received = hashlib.sha256(raw).hexdigest()
    if received != expected:
        raise BundleError(f"{path}: corrupt: sha256 is {received}, expected {expected}; copy it again")
    return raw


def checksum(content: Mapping[str, Any]) -> str:
    """Return the sha256 of the content of `bundle.json` without its checksum."""
    rest = {name: value for name, value in content.items() if name != "checksum"}
    return hashlib.sha256(json.dumps(rest, sort_keys=True, ensure_ascii=True).encode()).hexdigest()


def _reader_class(content: Mapping[str, Any]) -> Callable[..., Reader]:
    """Return the reader class: from this folder in a bundle, from its family in the project."""
    module, _, name = content["reader"].partition(":")
    is_copy = Path(__file__).with_name(f"{module}.py").is_file()
    package = __package__ if is_copy else f"pipeline.families.{content['task']}.bundle"
    reader: Callable[..., Reader] = getattr(importlib.import_module(f"{package}.{module}"), name)
    return reader
