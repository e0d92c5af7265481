"""Write a static page that runs a network in the browser: ONNX files, the page, and onnxruntime for browsers."""

import hashlib
from dataclasses import replace
from pathlib import Path

from pipeline.config import family_of
from pipeline.exporting.bundle import write_files
from pipeline.exporting.errors import ExportError
from pipeline.exporting.to_onnx import to_onnx
from pipeline.models.bundle_spec import BundleSpec
from pipeline.portable.bundle import ABOUT
from pipeline.storage import PROJECT, root, write_bytes

PAGE = Path(__file__).with_name("web")
RUNTIME = Path("web", "node_modules", "onnxruntime-web", "dist")
RUNTIME_FILES = ("ort.wasm.min.mjs", "ort-wasm-simd-threaded.mjs", "ort-wasm-simd-threaded.wasm")


def write_page(spec: BundleSpec, folder: Path) -> None:
    """Write the page into an existing folder.

    Raises:
        ExportError: onnxruntime for browsers is missing, or the page cannot run this network.
    """
    runtime = runtime_folder()
    if missing := [name for name in RUNTIME_FILES if not (runtime / name).is_file()]:
        raise ExportError(f"web: {runtime / missing[0]} is missing; run `make web` once to install it (needs npm)")
    own = family_of(spec.task).folder / "bundle" / PAGE.name
    if spec.page_fault or not own.is_dir():
        no_page = f"family {spec.task} has no page (bundle/web in its folder); remove web from export.formats"
        raise ExportError(f"web: {spec.page_fault or no_page}")
    models = {name: to_onnx(model).SerializeToString(deterministic=True) for name, model in spec.networks.items()}
    write_files(
        replace(spec, facts={**spec.facts, **spec.page_facts()}), folder, models, ".onnx", single=False, code=False
    )
    about = (folder / ABOUT).read_bytes()
    write_bytes(folder / "bundle.sha256", hashlib.sha256(about).hexdigest().encode())
    for path in sorted([*PAGE.iterdir(), *own.iterdir()]):
        write_bytes(folder / path.name, path.read_bytes())
    for name in RUNTIME_FILES:
        write_bytes(folder / "ort" / name, (runtime / name).read_bytes())


def runtime_folder() -> Path:
    """Return the folder of onnxruntime for browsers, in this clone or in the one that `dvc exp run --temp` copied."""
    own = PROJECT / RUNTIME
    return own if own.is_dir() else root() / RUNTIME
