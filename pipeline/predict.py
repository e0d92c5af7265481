"""Predict with the trained network: rows to probabilities, sentences to translations, prompts to texts, in order."""

import argparse
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pipeline.config import PipelineError, guarded
from pipeline.storage import MODELS
from pipeline.tasks import predictor_for

OPTIONS = {
    "keep": "columns of the input to repeat, comma-separated: ids (tables)",
    "beam": "translations followed at a time; 1: greedy; default: 5 (translation)",
    "nbest": "translations of each sentence, with its number and their scores, separated by tabs (translation)",
    "prompt": "what to go on from, instead of an input (text)",
    "length": "characters to write; default: 500 (text)",
    "temperature": "below 1 the probable becomes more probable; above 0; default: 0.7 (text)",
    "top_k": "draw from so many of the most probable characters only; default: 0, from all (text)",
    "top_p": "draw from the most probable that together reach this probability; default: 1 (text)",
    "seed": "of the drawing: the same seed writes the same; default: 0 (text)",
}


def main() -> None:
    """Read the arguments and predict."""
    parser = argparse.ArgumentParser(prog="python -m pipeline.predict", description=__doc__)
    parser.add_argument(
        "input",
        type=Path,
        nargs="?",
        help="table: CSV (plain, .gz or .zip) or Parquet file with the columns of the raw data; threshold: CSV with "
        "x1, x2, …; translation and text: a sentence or a prompt a line; default: standard input, line by line",
    )
    parser.add_argument("-o", "--output", type=Path, help="file to write; needed where there is an input file")
    parser.add_argument("--keep", metavar="COLUMNS", help=OPTIONS["keep"])
    parser.add_argument("--beam", type=_positive, help=OPTIONS["beam"])
    parser.add_argument("--nbest", type=_positive, help=OPTIONS["nbest"])
    parser.add_argument("--prompt", metavar="TEXT", help=OPTIONS["prompt"])
    kinds: dict[str, Callable[[str], Any]] = {
        "length": _positive,
        "temperature": float,
        "top_k": int,
        "top_p": float,
        "seed": int,
    }
    for name, kind in kinds.items():
        parser.add_argument(f"--{name.replace('_', '-')}", type=kind, metavar="N", help=OPTIONS[name])
    parser.add_argument(
        "--model", default=str(MODELS), help="folder, MLflow run id or models:/NAME@ALIAS; default: models"
    )
    given = parser.parse_args()
    options = {name: value for name in OPTIONS if (value := getattr(given, name)) is not None}
    guarded(lambda: predict(given.input, given.output, options, given.model))


def predict(source: Path | None, output: Path | None, options: dict[str, Any], model: str) -> None:
    """Predict a file, whose output appears whole or not at all, or standard input."""
    if (source is None) != (output is None):
        raise PipelineError("INPUT and -o OUTPUT go together; without both, standard input goes to standard output")
    if source is not None and output is not None and source.resolve() == output.resolve():
        raise PipelineError(f"{output} is the input; name another file for the output")
    if source is not None and not source.is_file():
        raise PipelineError(f"{source}: no such file")
    predictor = predictor_for(folder_of(model))
    if foreign := [name for name in options if name not in predictor.options]:
        known = ", ".join(f"--{_dashed(name)}" for name in predictor.options) or "no options"
        raise PipelineError(
            f"--{', --'.join(map(_dashed, foreign))}: not for a network of this kind, which takes {known}"
        )
    began = time.monotonic()
    if source is None or output is None:
        predictor.predict_stream(options)
        return
    count = predictor.predict_file(source, output, options)
    print(f"{output}: {count:,} rows, {count / (time.monotonic() - began):,.0f} a second", file=sys.stderr)


def _dashed(name: str) -> str:
    return name.replace("_", "-")


def _positive(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"must be at least 1, received {value}")
    return value


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
