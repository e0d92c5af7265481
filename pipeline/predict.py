"""Score new rows with the trained network: raw rows in, probabilities out, in the same order."""

import argparse
import sys
import time
from pathlib import Path

from pipeline.config import PipelineError, guarded
from pipeline.storage import MODELS
from pipeline.tasks import predictor_for


def main() -> None:
    """Read the arguments and predict."""
    parser = argparse.ArgumentParser(prog="python -m pipeline.predict", description=__doc__)
    parser.add_argument(
        "input", type=Path, help="CSV (plain, .gz or .zip) or Parquet file with the columns of the raw data"
    )
    parser.add_argument("-o", "--output", type=Path, required=True, help="CSV file to write")
    parser.add_argument(
        "--keep", default="", metavar="COLUMNS", help="columns of the input to repeat, comma-separated: ids"
    )
    parser.add_argument(
        "--model", default=str(MODELS), help="folder, MLflow run id or models:/NAME@ALIAS; default: models"
    )
    arguments = parser.parse_args()
    guarded(lambda: predict(arguments.input, arguments.output, arguments.keep, arguments.model))


def predict(source: Path, output: Path, keep: str, model: str) -> None:
    """Score a file; the output appears whole or not at all."""
    if source.resolve() == output.resolve():
        raise PipelineError(f"{output} is the input; name another file for the output")
    predictor = predictor_for(folder_of(model))
    began = time.monotonic()
    rows = predictor.predict_file(source, output, [name for name in keep.split(",") if name])
    print(f"{output}: {rows:,} rows, {rows / (time.monotonic() - began):,.0f} a second", file=sys.stderr)


def folder_of(model: str) -> Path:
    """Return a folder like models/, brought from the tracking store where the name is no folder."""
    if Path(model).is_dir():
        return Path(model)
    if model == str(MODELS):
        raise PipelineError(f"{MODELS}: no such folder; `dvc repro` trains a network, or name one with --model")

    from pipeline.tracking import download_model

    return download_model(model)


if __name__ == "__main__":
    main()
