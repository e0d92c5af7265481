"""A network with all that raw input takes, as `pipeline/portable/bundle.py` reads it."""

import hashlib
import io
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import keras
import numpy as np

from pipeline.exporting.graph import Arrays, graph_of
from pipeline.portable import bundle
from pipeline.portable.bundle import ABOUT, FORMAT, WEIGHTS, checksum
from pipeline.storage import write_bytes

CODE = Path(bundle.__file__).parent


@dataclass(frozen=True)
class Portable:
    """What a family puts into a bundle.

    Attributes:
        task: The family.
        networks: By the names under which the runtime asks for them.
        facts: Vocabularies, scales and the like, as JSON.
        files: Name → content, of what is no JSON.
        fixed: The same for formats in which no length may vary; None where none does.
    """

    task: str
    networks: Mapping[str, keras.Model]
    facts: Mapping[str, Any]
    files: Mapping[str, bytes] = field(default_factory=dict)
    fixed: "Portable | None" = None


def write_bundle(portable: Portable, folder: Path) -> None:
    """Write a bundle, and the code that runs it, into a folder that exists; the same network gives the same bytes.

    Raises:
        ExportError: A layer that the runtime does not know.
    """
    graphs: dict[str, Any] = {}
    arrays: Arrays = {}
    for name, model in portable.networks.items():
        graphs[name], weights = graph_of(model)
        # Networks of one training share their layers, which stand here once.
        arrays |= weights
    buffer = io.BytesIO()
    np.savez(buffer, allow_pickle=False, **{name: arrays[name] for name in sorted(arrays)})
    describe(portable, folder, graphs, {WEIGHTS: buffer.getvalue()})


def write_files(
    portable: Portable, folder: Path, written: Mapping[str, bytes], suffix: str, *, single: bool, code: bool = True
) -> None:
    """Write a bundle whose networks are files of another runtime.

    Args:
        portable: The networks, and what raw input takes.
        folder: Exists.
        written: Name of the network → its file's content.
        suffix: Of the files.
        single: They take one example at a time.
        code: With the code that reads it in Python.
    """
    described = {
        name: {
            "file": f"{name}{suffix}",
            "inputs": {t.name: str(keras.backend.standardize_dtype(t.dtype)) for t in model.inputs},
            "single": single,
        }
        for name, model in portable.networks.items()
    }
    describe(portable, folder, described, {f"{name}{suffix}": content for name, content in written.items()}, code)


def describe(
    portable: Portable, folder: Path, networks: Mapping[str, Any], written: Mapping[str, bytes], code: bool = True
) -> None:
    """Write `bundle.json`, the files that it names, and the code that reads them."""
    files = {**written, **portable.files}
    content: dict[str, Any] = {
        "format": FORMAT,
        "task": portable.task,
        "files": {name: hashlib.sha256(raw).hexdigest() for name, raw in files.items()},
        "networks": dict(networks),
        "facts": dict(portable.facts),
    }
    content["checksum"] = checksum(json.loads(json.dumps(content)))
    write_bytes(folder / ABOUT, json.dumps(content, ensure_ascii=False, indent=1).encode())
    for name, raw in files.items():
        write_bytes(folder / name, raw)
    for path in sorted(CODE.glob("*.py")) if code else []:
        write_bytes(folder / CODE.name / path.name, path.read_bytes())
