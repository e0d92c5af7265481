"""A static page that runs the network in the browser: ONNX, the page's code, and onnxruntime's build for browsers."""

import hashlib
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

from pipeline.exporting.bundle import Portable, write_files
from pipeline.exporting.errors import ExportError
from pipeline.exporting.to_onnx import to_onnx
from pipeline.portable.bundle import ABOUT
from pipeline.portable.crossing import CROSSES, Cross, read_crosses
from pipeline.portable.tokenizing import PLAIN
from pipeline.storage import PROJECT, root, write_bytes

PAGE = Path(__file__).with_name("web")
RUNTIME = Path("web", "node_modules", "onnxruntime-web", "dist")
RUNTIME_FILES = ("ort.wasm.min.mjs", "ort-wasm-simd-threaded.mjs", "ort-wasm-simd-threaded.wasm")


def write_page(portable: Portable, folder: Path) -> None:
    """Write the page into a folder that exists.

    Raises:
        ExportError: onnxruntime's build is not there, or the page cannot cut the corpus into words.
    """
    runtime = runtime_folder()
    if lacking := [name for name in RUNTIME_FILES if not (runtime / name).is_file()]:
        raise ExportError(f"web: {runtime / lacking[0]} is not there; `make web` brings it, once (it needs npm)")
    if learned := [name for name in portable.facts.get("tokenizers", []) if name not in PLAIN]:
        raise ExportError(
            f"web: the page cannot cut words into the pieces of sentencepiece ({learned[0]}); the formats numpy, onnx "
            f"and litert can; data.tokenizer takes {', '.join(PLAIN)} besides"
        )
    models = {name: to_onnx(model).SerializeToString(deterministic=True) for name, model in portable.networks.items()}
    write_files(_readable(portable, folder), folder, models, ".onnx", single=False, code=False)
    about = (folder / ABOUT).read_bytes()
    write_bytes(folder / "bundle.sha256", hashlib.sha256(about).hexdigest().encode())
    for path in sorted(PAGE.iterdir()):
        write_bytes(folder / path.name, path.read_bytes())
    for name in RUNTIME_FILES:
        write_bytes(folder / "ort" / name, (runtime / name).read_bytes())


def runtime_folder() -> Path:
    """Return where onnxruntime's build lies: in this clone, or in the one whose copy `dvc exp run --temp` made."""
    here = PROJECT / RUNTIME
    return here if here.is_dir() else root() / RUNTIME


def _readable(portable: Portable, folder: Path) -> Portable:
    """Return the same with crosses as JSON: browsers read no NumPy archives."""
    if CROSSES not in portable.files:
        return portable
    write_bytes(folder / CROSSES, portable.files[CROSSES])
    found = [{"columns": list(cross.columns), "known": _known(cross)} for cross in read_crosses(folder)]
    return replace(portable, facts={**portable.facts, "crosses": json.loads(json.dumps(found))})


def _known(cross: Cross) -> dict[str, Any]:
    """Return the codes of the columns, side by side, → that of the combination."""
    return {" ".join(map(str, cross.parts(code))): code for code in range(1, cross.cardinality)}
