"""Look into the network: summary, picture, weights, outputs of its layers for given input, embeddings."""

import argparse
import csv
import json
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from pipeline.config import PARAMS, Config, PipelineError, guarded, load, no_such
from pipeline.predict import folder_of
from pipeline.storage import MODELS, REPORTS, new_folder
from pipeline.tasks import Embedding, Predictor, predictor_for, task_for

FOLDER = REPORTS / "inspect"
OTHER = "(other features)"
EPILOG = """\
Without OVERRIDES: the trained network in models/; where that is for other data than params.yaml says, or there is
none, a new one by params.yaml. With OVERRIDES (experiment=flights model.hidden_units=64): a new one by these. A new
one needs data/processed (`python -m pipeline.preprocess`).

Layers are named as in the summary; LAYER/embeddings are the embeddings within an EmbeddingDense, in the order of the
columns; member_2/LAYER is one of a network of several."""


def main() -> None:
    """Read the arguments and look."""
    given = arguments().parse_intermixed_args()
    guarded(lambda: inspect(given))


def arguments() -> argparse.ArgumentParser:
    """Return what reads the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m pipeline.inspect",
        description=__doc__,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("overrides", nargs="*", metavar="OVERRIDES", help="as for the stages: a new network by these")
    parser.add_argument("--model", help="folder, MLflow run id or models:/NAME@ALIAS, instead of models/")
    parser.add_argument("-o", "--output", type=Path, default=FOLDER, help=f"folder to write anew; default: {FOLDER}")
    parser.add_argument("--input", type=Path, help="rows as for predict: write what layers put out for them")
    parser.add_argument("--layer", nargs="+", metavar="LAYER", help="which ones; default: every one")
    parser.add_argument("--phase", choices=("test", "train"), default="test", help="train: with dropout")
    parser.add_argument("--batch", type=int, default=1024, help="rows at a time; default: 1024")
    parser.add_argument("--rows", type=int, help="of the input at most; default: all")
    parser.add_argument("--format", choices=("parquet", "npz"), default="parquet", help="of the outputs")
    parser.add_argument("--embedding", nargs="+", metavar="COLUMN", help="write the embeddings of columns")
    parser.add_argument("--neighbours", type=int, default=10, help="of each category; default: 10")
    return parser


def inspect(given: argparse.Namespace) -> None:
    """Write the report, whole or not at all, and print the summary."""
    refuse(given)
    predictor, title = chosen(given.overrides, given.model)
    with new_folder(given.output) as scratch:
        text = describe(predictor, scratch)
        if given.input:
            write_outputs(predictor, given, scratch / "outputs")
        for name in given.embedding or []:
            write_embedding(name, predictor.embedding(name), given.neighbours, scratch / "embeddings")
        written = sorted(path.relative_to(scratch).as_posix() for path in scratch.rglob("*") if path.is_file())
    print(f"{title}\n\n{text}\n{given.output}: {', '.join(written)}")


def refuse(given: argparse.Namespace) -> None:
    """Refuse arguments that do not go together.

    Raises:
        PipelineError: Naming all of them.
    """
    faults = []
    if given.overrides and given.model:
        faults.append("OVERRIDES make a new network and --model names a trained one; give one of them")
    if not given.input and (given.layer or given.rows or given.phase == "train"):
        faults.append("--layer, --rows and --phase want --input FILE: outputs of what?")
    faults += [
        f"--{name}: must be at least 1, received {value}"
        for name, value in (("batch", given.batch), ("rows", given.rows), ("neighbours", given.neighbours))
        if value is not None and value < 1
    ]
    if faults:
        raise PipelineError("\n".join(faults))


def chosen(overrides: Sequence[str], model: str | None) -> tuple[Predictor, str]:
    """Return the network to look into, and a line that says which it is."""
    if overrides:
        config = load(list(overrides))
        return untrained(config), f"a new network: {' '.join(overrides)}"
    if model is not None:
        return predictor_for(folder_of(model)), f"the network of {model}"
    config = load([], Path(), PARAMS.stem) if PARAMS.is_file() else load([])
    if not MODELS.is_dir():
        return untrained(config), f"a new network by {PARAMS}: {MODELS} holds none"
    if not is_for(config):
        return untrained(config), f"a new network by {PARAMS}: {MODELS} holds one for other data (--model {MODELS})"
    return predictor_for(MODELS), f"the trained network in {MODELS}"


def is_for(config: Config) -> bool:
    """Tell whether the network in models/ was trained on data that were prepared as configured."""
    try:
        schema = json.loads((MODELS / "schema.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return True  # `predictor_for` tells what is wrong with it
    return bool(schema.get("task") == config.task and schema.get("prepared") == config.tree["data"])


def untrained(config: Config) -> Predictor:
    """Build a new network."""
    task = task_for(config)
    task.require_prepared()
    task.check()

    from pipeline.training import make_deterministic

    make_deterministic(config.seed)
    return task.untrained()


def describe(predictor: Predictor, folder: Path) -> str:
    """Write summary, pictures and weights; return the summary."""
    import numpy as np

    from pipeline.models import EmbeddingDense, layers_of, summary, weights_of, write_pictures

    text = summary(predictor.model)
    (folder / "network.txt").write_text(text, encoding="utf-8")
    write_pictures(predictor.model, folder)
    found = list(weights_of(predictor.model))
    np.savez(
        folder / "weights.npz", allow_pickle=False, **{f"{layer}/{name}": values for layer, name, values, _ in found}
    )
    write_csv(
        folder / "weights.csv",
        ["layer", "weight", "shape", "parameters", "trained", "mean", "std", "min", "max"],
        (
            [layer, name, "x".join(map(str, values.shape)), values.size, "yes" if is_trained else "no"]
            + [f"{figure:.6g}" for figure in (values.mean(), values.std(), values.min(), values.max())]
            for layer, name, values, is_trained in found
        ),
    )
    names = predictor.embedded()
    layers = {path: layer for path, layer in layers_of(predictor.model).items() if isinstance(layer, EmbeddingDense)}
    if layers:
        write_csv(
            folder / "kernel_rows.csv",
            ["layer", "first", "last", "column"],
            (
                [path, first, last, OTHER if place is None else names[place]]
                for path, layer in layers.items()
                for place, first, last in layer.kernel_rows()
            ),
        )
    return text


def write_outputs(predictor: Predictor, given: argparse.Namespace, folder: Path) -> None:
    """Write what layers put out for rows of a file, a file a layer, batch by batch."""
    from pipeline.models import LayerFiles, output_names, outputs_of

    known = output_names(predictor.model)
    names = given.layer or known
    if absent := [name for name in names if name not in known]:
        raise PipelineError(f"--layer: no layer {no_such(absent, known)}")
    with LayerFiles(folder, given.format) as writer:
        rows = 0
        for inputs in predictor.batches(given.input, given.batch):
            count = len(next(iter(inputs.values())))
            left = count if given.rows is None else min(count, given.rows - rows)
            part = {name: values[:left] for name, values in inputs.items()}
            writer.write(outputs_of(predictor.model, names, part, training=given.phase == "train"), rows)
            rows += left
            if rows == given.rows:
                break
    if not rows:
        raise PipelineError(f"{given.input}: no rows")
    print(f"{rows:,} rows of {given.input}, {given.phase} phase, {given.batch} at a time")


def write_embedding(name: str, embedding: Embedding, neighbours: int, folder: Path) -> None:
    """Write a column's embeddings: a table, the nearest neighbours of each category, a picture."""
    from pipeline.metrics import nearest, plane

    folder.mkdir(exist_ok=True)
    path = folder / re.sub(r"[^\w.-]", "_", name)
    vectors, names = embedding.vectors, embedding.names
    write_csv(
        path.with_name(f"{path.name}.csv"),
        ["category", *(f"dimension_{index}" for index in range(vectors.shape[1]))],
        ([category, *row] for category, row in zip(names, vectors.tolist(), strict=True)),
    )
    rows, cosines = nearest(vectors, neighbours)
    write_csv(
        path.with_name(f"{path.name}_neighbours.csv"),
        ["category", "rank", "neighbour", "cosine"],
        (
            [names[index], rank, names[other], f"{cosine:.6f}"]
            for index, found in enumerate(zip(rows, cosines, strict=True))
            for rank, (other, cosine) in enumerate(zip(*found, strict=True), start=1)
        ),
    )
    plane(f"embeddings of {name}", vectors, names).savefig(path.with_name(f"{path.name}.png"), dpi=100)


def write_csv(path: Path, header: Sequence[str], rows: Iterator[Sequence[Any]]) -> None:
    """Write a table."""
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(rows)


if __name__ == "__main__":
    main()
