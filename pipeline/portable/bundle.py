"""Reads a bundle, and does the network's job on raw input: rows, points, sentences, prompts.

A bundle is a folder with `bundle.json` (networks, vocabularies, scales) and `weights.npz`. This folder of code beside
it, NumPy, and Python's standard library are all that it takes. In other formats than NumPy's own the networks are files
of another runtime, whose package it takes besides; all the rest is the same.
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
from .external_runtime import OpenedNetwork, open_network
from .runtime import Network

__all__ = ["ABOUT", "FORMAT", "WEIGHTS", "BundleError", "Reader", "checksum", "load", "networks"]

FORMAT = 2
ABOUT, WEIGHTS = "bundle.json", "weights.npz"


Reader = Any
"""What takes raw input: called with rows, points, sentences or a prompt, by the family."""


def load(folder: str | Path) -> Reader:
    """Read a bundle.

    Args:
        folder: With `bundle.json` and the files that it names.

    Raises:
        BundleError: It is not there, damaged, or of another version; or its runtime is not installed.
    """
    content, found = _read(Path(folder))
    reader: Reader = _reader_class(content)(found, content["facts"], Path(folder))
    return reader


def networks(folder: str | Path) -> dict[str, Network | OpenedNetwork]:
    """Read the networks of a bundle, by name: they take and give arrays; `load` is for raw input.

    Raises:
        BundleError: As `load` does.
    """
    return _read(Path(folder))[1]


def _read(folder: Path) -> tuple[dict[str, Any], dict[str, Network | OpenedNetwork]]:
    about = folder / ABOUT
    try:
        content = json.loads(about.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise BundleError(f"{folder}: no bundle, or a damaged one ({error})") from error
    version = content.get("format") if isinstance(content, dict) else None
    if version != FORMAT:
        raise BundleError(
            f"{about}: of format {version}, and this runtime reads format {FORMAT}; take the runtime that came with it"
        )
    if checksum(content) != content["checksum"]:
        raise BundleError(f"{about}: damaged: its content is not what its checksum says; copy it anew")
    files = {name: _whole(folder / name, expected) for name, expected in content["files"].items()}
    weights: dict[str, Any] = {}
    if WEIGHTS in files:
        with np.load(io.BytesIO(files[WEIGHTS]), allow_pickle=False) as archive:
            weights = dict(archive)
    found: dict[str, Network | OpenedNetwork] = {}
    for name, described in content["networks"].items():
        if "file" not in described:
            found[name] = Network(described, weights)
        else:
            path = folder / described["file"]
            found[name] = open_network(path, described["inputs"], single=described["single"])
    return content, found


def _whole(path: Path, expected: str) -> bytes:
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise BundleError(f"{path}: cannot be read ({error}); copy it anew") from error
    received = hashlib.sha256(raw).hexdigest()
    if received != expected:
        raise BundleError(f"{path}: damaged: sha256 is {received}, expected {expected}; copy it anew")
    return raw


def checksum(content: Mapping[str, Any]) -> str:
    """Return the sha256 of a bundle's description, its own checksum left out."""
    rest = {name: each for name, each in content.items() if name != "checksum"}
    return hashlib.sha256(json.dumps(rest, sort_keys=True, ensure_ascii=True).encode()).hexdigest()


def _reader_class(content: Mapping[str, Any]) -> Callable[..., Reader]:
    """Return the class that takes raw input: beside this file in a bundle, with its family in the project."""
    module, _, name = content["reader"].partition(":")
    is_copy = Path(__file__).with_name(f"{module}.py").is_file()
    package = __package__ if is_copy else f"pipeline.families.{content['task']}.bundle"
    reader: Callable[..., Reader] = getattr(importlib.import_module(f"{package}.{module}"), name)
    return reader
