"""Serve an exported network over HTTP, without TensorFlow."""

import argparse
from pathlib import Path
from tempfile import TemporaryDirectory

from pipeline.config import PipelineError, add_store, guarded, store_of

EXPORTS = (Path("export/numpy"), Path("export/onnx"))


def main() -> None:
    """Parse the arguments and serve."""
    parser = argparse.ArgumentParser(prog="python -m pipeline.serve", description=__doc__)
    parser.add_argument(
        "--model",
        help="folder of an export, MLflow run as for pipeline.compare, or models:/NAME@champion; default: export/numpy "
        "or export/onnx",
    )
    parser.add_argument("--format", help="numpy, onnx or another of export.formats, for a run; default: numpy or onnx")
    parser.add_argument("--host", default="127.0.0.1", help="default: 127.0.0.1; 0.0.0.0 serves other machines, too")
    parser.add_argument("--port", type=int, default=8000, help="default: 8000")
    add_store(parser)
    given = parser.parse_args()
    guarded(lambda: run(given.model, given.format, given.host, given.port, store_of(given)))


def run(model: str | None, form: str | None, host: str, port: int, uri: str | None) -> None:
    """Find the bundle and serve it.

    Raises:
        PipelineError: There is no export, or it cannot be served.
    """
    from pipeline.portable.errors import BundleError
    from pipeline.portable.service import serve

    with TemporaryDirectory(prefix="onehot-serve-") as scratch:
        folder = bundle_of(model, form, uri, Path(scratch))
        try:
            serve(folder, model or folder.as_posix(), host, port)
        except BundleError as error:
            raise PipelineError(str(error)) from error


def bundle_of(model: str | None, form: str | None, uri: str | None, scratch: Path) -> Path:
    """Return the folder of an exported network, downloaded to `scratch` if the name is not a folder."""
    if model is None:
        for folder in EXPORTS:
            if folder.is_dir():
                return folder
        raise PipelineError(
            "export/numpy: no such folder; `dvc repro export` exports the network, or name one with --model"
        )
    if Path(model).is_dir():
        return Path(model)

    from pipeline.tracking import download_export

    return download_export(model, scratch, uri, form)


if __name__ == "__main__":
    main()
