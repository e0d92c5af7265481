"""Predict with the trained network, in order: probabilities for rows, translations for sentences, texts for prompts."""

import argparse
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pipeline.config import Option, PipelineError, families, family_of, guarded
from pipeline.storage import MODELS
from pipeline.tasks import predictor_for


def main() -> None:
    """Parse the arguments and predict."""
    parser = argparse.ArgumentParser(prog="python -m pipeline.predict", description=__doc__)
    parser.add_argument(
        "input",
        type=Path,
        nargs="?",
        help="table: CSV (plain, .gz or .zip) or Parquet file with the columns of the raw data; threshold: CSV with "
        "x1, x2, …; translation and text: one sentence or prompt per line; default: standard input, line by line",
    )
    parser.add_argument("-o", "--output", type=Path, help="file to write; required with an input file")
    options: dict[str, Option] = {}
    for family in families():
        for name, option in family.options.items():
            if name in options:
                raise PipelineError(
                    f"two families have an option {name!r} for predictions; rename that of {family.name}"
                )
            options[name] = option
            metavar = option.metavar or "N"
            text = f"{option.help} ({family.name})"
            parser.add_argument(f"--{_dashed(name)}", dest=name, type=_reader(option), metavar=metavar, help=text)
    parser.add_argument(
        "--model", default=str(MODELS), help="folder, MLflow run id or models:/NAME@ALIAS; default: models"
    )
    given = parser.parse_args()
    chosen = {name: value for name in options if (value := getattr(given, name)) is not None}
    guarded(lambda: predict(given.input, given.output, chosen, given.model))


def predict(source: Path | None, output: Path | None, options: dict[str, Any], model: str) -> None:
    """Predict a file, whose output is written whole or not at all, or standard input."""
    if (source is None) != (output is None):
        raise PipelineError("INPUT and -o OUTPUT go together; without both, standard input goes to standard output")
    if source is not None and output is not None and source.resolve() == output.resolve():
        raise PipelineError(f"{output} is the input; name another file for the output")
    if source is not None and not source.is_file():
        raise PipelineError(f"{source}: no such file")
    predictor = predictor_for(folder_of(model))
    supported = family_of(predictor.schema.task).options
    if foreign := [name for name in options if name not in supported]:
        known = ", ".join(f"--{_dashed(name)}" for name in supported) or "no options"
        raise PipelineError(
            f"--{', --'.join(map(_dashed, foreign))}: not an option of this network, which takes {known}"
        )
    began = time.monotonic()
    if source is None or output is None:
        predictor.predict_stream(options)
        return
    count = predictor.predict_file(source, output, options)
    print(f"{output}: {count:,} rows, {count / (time.monotonic() - began):,.0f} per second", file=sys.stderr)


def _dashed(name: str) -> str:
    return name.replace("_", "-")


def _reader(option: Option) -> Callable[[str], Any]:
    """Return a function that converts text to a value, with errors that argparse can show."""

    def read(text: str) -> Any:
        try:
            return option.type(text)
        except ValueError as error:
            raise argparse.ArgumentTypeError(str(error)) from error

    return read


def folder_of(model: str) -> Path:
    """Return the folder of a model, downloaded from the tracking store if the name is not a folder."""
    if Path(model).is_dir():
        return Path(model)
    if model == str(MODELS):
        raise PipelineError(f"{MODELS}: no such folder; `dvc repro` trains a network, or name one with --model")

    from pipeline.tracking import download_model

    return download_model(model)


if __name__ == "__main__":
    main()
