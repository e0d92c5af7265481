"""A network with all that raw input takes, as `pipeline/portable/bundle.py` reads it."""

import hashlib
import io
import json
import re
from collections.abc import Mapping
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
FOREIGN_IMPORT = re.compile(
    r"^\s*(?:from|import) (?:pipeline|keras|tensorflow|pandas|pyarrow|sklearn|scipy)\b", re.MULTILINE
)


def write_bundle(spec: BundleSpec, folder: Path) -> None:
    """Write a bundle, and the code that runs it, into a folder that exists; the same network gives the same bytes.

    Raises:
        ExportError: A layer that the runtime does not know.
    """
    graphs: dict[str, Any] = {}
    arrays: Arrays = {}
    for name, model in spec.networks.items():
        graphs[name], weights = graph_of(model)
        # Networks of one training share their layers, which stand here once.
        arrays |= weights
    buffer = io.BytesIO()
    np.savez(buffer, allow_pickle=False, **{name: arrays[name] for name in sorted(arrays)})
    describe(spec, folder, graphs, {WEIGHTS: buffer.getvalue()})


def write_files(
    spec: BundleSpec, folder: Path, written: Mapping[str, bytes], suffix: str, *, single: bool, code: bool = True
) -> None:
    """Write a bundle whose networks are files of another runtime.

    Args:
        spec: The networks, and what raw input takes.
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
        for name, model in spec.networks.items()
    }
    describe(spec, folder, described, {f"{name}{suffix}": content for name, content in written.items()}, code)


def describe(
    spec: BundleSpec, folder: Path, networks: Mapping[str, Any], written: Mapping[str, bytes], code: bool = True
) -> None:
    """Write `bundle.json`, the files that it names, and the code that reads them."""
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

    They lie in one folder and import each other relatively, so that the folder can be copied into any package.

    Raises:
        ExportError: A module of the reader is not NumPy-only, or two have the same name.
    """
    reader = f"{family.package}.{family.reader.partition(':')[0]}"
    found: dict[str, str] = {}
    for module, path in {**code_files("pipeline.portable"), **code_files(reader)}.items():
        text = PROJECT_IMPORT.sub(_relative, path.read_text(encoding="utf-8"))
        if FOREIGN_IMPORT.search(text):
            raise ExportError(f"{module}: imports more than NumPy and the standard library; a bundle's reader may not")
        if path.name in found:
            raise ExportError(f"{module}: a bundle has {path.name} already; rename the module")
        found[path.name] = text
    return {"__init__.py": Path(bundle.__file__).with_name("__init__.py").read_text(encoding="utf-8"), **found}


def _relative(found: "re.Match[str]") -> str:
    return f"from .{found[1].rpartition('.')[2]} import"
