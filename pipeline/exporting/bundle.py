"""Write bundles: a network with everything needed for raw input, as `pipeline/portable/bundle.py` reads it."""

import ast
import hashlib
import io
import json
import re
import sys
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import keras
import numpy as np

from pipeline.config import Family, family_of
from pipeline.exporting.errors import ExportError
from pipeline.exporting.graph import Arrays, graph_of
from pipeline.models.bundle_spec import BundleSpec
from pipeline.portable import bundle
from pipeline.portable.bundle import ABOUT, FORMAT, WEIGHTS, checksum
from pipeline.storage import code_files, write_bytes, write_text

CODE = Path(bundle.__file__).parent
PROJECT_IMPORT = re.compile(r"^from (pipeline\.[\w.]+) import", re.MULTILINE)
ALLOWED = {"numpy", "sentencepiece", "onnxruntime", "ai_edge_litert", "tensorflow", "fastapi", "uvicorn"}
"""Packages that a bundle may import: NumPy always, the others only within functions of the formats, or of the service,
that need them."""


def write_bundle(spec: BundleSpec, folder: Path) -> None:
    """Write a bundle and the code that runs it into an existing folder; the same network gives the same bytes.

    Raises:
        ExportError: The runtime does not support a layer.
    """
    graphs: dict[str, Any] = {}
    arrays: Arrays = {}
    for name, model in spec.networks.items():
        graphs[name], weights = graph_of(model)
        # Networks of one training share layers; shared weights are stored once.
        arrays |= weights
    buffer = io.BytesIO()
    np.savez(buffer, allow_pickle=False, **{name: arrays[name] for name in sorted(arrays)})
    describe(spec, folder, graphs, {WEIGHTS: buffer.getvalue()})


def write_files(
    spec: BundleSpec, folder: Path, written: Mapping[str, bytes], suffix: str, *, single: bool, code: bool = True
) -> None:
    """Write a bundle whose networks are files of another runtime.

    Args:
        spec: The content of the bundle.
        folder: The folder to write; it must exist.
        written: The content of each network's file, by the name of the network.
        suffix: The suffix of the files.
        single: Whether the networks take one example at a time.
        code: Whether to add the code that reads the bundle in Python.
    """
    described = {
        name: {
            "file": f"{name}{suffix}",
            "inputs": {t.name: str(keras.backend.standardize_dtype(t.dtype)) for t in model.inputs},
            "single": single,
        }
        for name, model in spec.networks.items()
    }
    describe(spec, folder, described, {f"{name}{suffix}": content for name, content in written.items()}, code)


def describe(
    spec: BundleSpec, folder: Path, networks: Mapping[str, Any], written: Mapping[str, bytes], code: bool = True
) -> None:
    """Write `bundle.json`, the files that it lists, and the code that reads them."""
    family = family_of(spec.task)
    files = {**written, **spec.files}
    content: dict[str, Any] = {
        "format": FORMAT,
        "task": spec.task,
        "reader": family.reader.rpartition(".")[2],
        "files": {name: hashlib.sha256(raw).hexdigest() for name, raw in files.items()},
        "networks": dict(networks),
        "facts": dict(spec.facts),
    }
    content["checksum"] = checksum(json.loads(json.dumps(content)))
    write_bytes(folder / ABOUT, json.dumps(content, ensure_ascii=False, indent=1).encode())
    for name, raw in files.items():
        write_bytes(folder / name, raw)
    if code:
        for name, text in runtime_code(family).items():
            write_text(folder / CODE.name / name, text)


def runtime_code(family: Family) -> dict[str, str]:
    """Return the Python files of a bundle: the runtime, the family's reader, and the modules that the reader imports.

    They share one folder and use relative imports, so that the folder can be copied into any package.

    Raises:
        ExportError: A module of the reader imports more than NumPy, or two modules have the same name.
    """
    if not family.reader.startswith("bundle."):
        raise ExportError(
            f"{family.name}: the reader must be in the family's folder bundle/, received {family.reader!r}"
        )
    files: dict[str, str] = {}
    for module, path in {**code_files("pipeline.portable"), **code_files(family.module("reader"))}.items():
        text = PROJECT_IMPORT.sub(_relative, path.read_text(encoding="utf-8"))
        if path.name in files:
            raise ExportError(f"{module}: the bundle already contains a module {path.name}; rename this one")
        files[path.name] = text
    for name, text in files.items():
        if foreign := foreign_imports(text, files):
            raise ExportError(
                f"{family.name}: {name} in the bundle imports {', '.join(foreign)}; a bundle's reader, and what it "
                "imports, may use NumPy, the standard library, and `from pipeline.MODULE import NAME` of such modules"
            )
    return {"__init__.py": Path(bundle.__file__).with_name("__init__.py").read_text(encoding="utf-8"), **files}


def _relative(match: "re.Match[str]") -> str:
    return f"from .{match[1].rpartition('.')[2]} import"


def foreign_imports(text: str, files: Collection[str]) -> list[str]:
    """Return the modules that a file of a bundle imports and that will not be there.

    Args:
        text: The file's content.
        files: Names of the bundle's Python files.
    """
    missing = []
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.ImportFrom) and node.level:
            missing += [] if f"{node.module}.py" in files else [f".{node.module or ''}"]
        elif isinstance(node, ast.Import | ast.ImportFrom):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else [node.module or ""]
            roots = {name.partition(".")[0] for name in names}
            missing += sorted(roots - ALLOWED - sys.stdlib_module_names)
    return missing
