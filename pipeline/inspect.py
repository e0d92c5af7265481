"""Inspect the network: summary, picture, weights, outputs of its layers for given input, embeddings."""

import argparse
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from pipeline.config import PARAMS, Config, guarded, load, no_such
from pipeline.predict import folder_of
from pipeline.storage import MODELS, REPORTS, PipelineError, csv_text, new_folder, write_text
from pipeline.tasks import (
    Embedding,
    EvaluationTask,
    Predictor,
    TrainingTask,
    matches,
    predictor_for,
    require_trained_model,
)
from pipeline.tasks.report import importance_table, importance_title

if TYPE_CHECKING:
    from pipeline.models import EmbeddingDense

FOLDER = REPORTS / "inspect"
REPORT = ("network.txt", "weights.csv")
"""Files in every report; a folder that has them is a report and may be overwritten."""
DEFAULTS = {"phase": "test", "batch": 1024, "rows": 1000, "format": "parquet", "neighbours": 10}
SEQUENCE_DEFAULTS = {"batch": 10, "rows": 10}
"""Smaller defaults for sentences, for which each layer has one output per word."""
EPILOG = """\
Without OVERRIDES, the command inspects the trained network in models/. If there is none, or if it was trained on other
data than params.yaml names, the command builds an untrained network from params.yaml. With OVERRIDES, for example
experiment=flights model.hidden_units=64, it builds an untrained network from these settings. An untrained network needs
data/processed (`python -m pipeline.preprocess`).

With --importance, the command needs a trained network, and the data that it was trained on in data/processed; OVERRIDES
then name its experiment, instead of params.yaml.

Layers have the names in the summary. LAYER/embeddings are the embeddings within an EmbeddingDense, in the order of the
columns. member_2/LAYER and fold_2/LAYER belong to one network of an ensemble or of folds; the embeddings of these
networks are written side by side."""


def main() -> None:
    """Parse the arguments and inspect the network."""
    given = arguments().parse_intermixed_args()
    guarded(lambda: inspect(given))


def arguments() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m pipeline.inspect",
        description=__doc__,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "overrides", nargs="*", metavar="OVERRIDES", help="settings of an untrained network, as for the stages"
    )
    parser.add_argument("--model", help="folder, MLflow run id or models:/NAME@ALIAS, instead of models/")
    parser.add_argument(
        "-o",
        "--output",
        type=Path,
        default=FOLDER,
        help=f"folder to write, replaced if it is a report; default: {FOLDER}",
    )
    parser.add_argument(
        "--input", type=Path, metavar="FILE", help="rows or sentences, as for predict: write the outputs of layers"
    )
    parser.add_argument(
        "--layer", action="append", help="layer whose outputs to write, repeatable; default: all layers"
    )
    parser.add_argument(
        "--phase", choices=("test", "train"), help="phase of the layers; train: with dropout; default: test"
    )
    parser.add_argument("--batch", type=int, help="rows per batch; default: 1024, or 10 sentences")
    parser.add_argument("--rows", type=int, help="maximum number of rows to read; default: 1000, or 10 sentences")
    parser.add_argument("--format", choices=("parquet", "npz"), help="file format of the outputs; default: parquet")
    parser.add_argument(
        "--embedding", action="append", metavar="COLUMN", help="column whose embeddings to write, repeatable"
    )
    parser.add_argument(
        "--importance",
        action="store_true",
        help="write how much worse the trained network scores on the validation rows in data/processed when the values "
        "of a column are shuffled",
    )
    parser.add_argument("--neighbours", type=int, help="number of neighbours of each category; default: 10")
    parser.add_argument("--seed", type=int, default=1, help="seed of the dropout in the train phase; default: 1")
    return parser


def inspect(given: argparse.Namespace) -> None:
    """Write the report, whole or not at all, and print the summary."""
    refuse(given)
    explicit = {name: value for name, value in vars(given).items() if name in DEFAULTS and value is not None}
    if given.importance:
        task, folder = evaluation_of(given.overrides, given.model)
        predictor, title = trained(folder, given.seed), f"the trained network in {folder}"
    else:
        predictor, title = chosen(given.overrides, given.model, given.seed)
    settings: dict[str, Any] = {**DEFAULTS, **(SEQUENCE_DEFAULTS if predictor.is_sequence_model else {}), **explicit}
    layers, embeddings = wanted(predictor, given.layer, given.embedding or [])
    with new_folder(given.output) as scratch:
        text = describe(predictor, scratch)
        if given.input:
            write_outputs(predictor, layers, given.input, scratch / "outputs", **settings)
            if by_hand := predictor.by_hand(given.input):
                (scratch / "by_hand.txt").write_text(f"{by_hand}\n", encoding="utf-8")
                text = f"{text}\n\n{by_hand}"
        if given.importance:
            text = f"{text}\n\n{write_column_importances(task, folder, scratch)}"
        for embedding in embeddings:
            write_embedding(embedding, settings["neighbours"], scratch / "embeddings")
        written = sorted(path.relative_to(scratch).as_posix() for path in scratch.rglob("*") if path.is_file())
    print(f"{title}\n\n{text}\n{given.output}: {', '.join(written)}")


def refuse(given: argparse.Namespace) -> None:
    """Reject arguments that conflict, and an output folder that is not a report.

    Raises:
        PipelineError: Lists all errors.
    """
    faults = []
    if given.overrides and given.model and not given.importance:
        faults.append("OVERRIDES build an untrained network and --model names a trained one; give only one of them")
    for needed, names in (("input", ("layer", "phase", "batch", "rows", "format")), ("embedding", ("neighbours",))):
        unused = [f"--{name}" for name in names if getattr(given, name) is not None]
        if unused and not getattr(given, needed):
            faults.append(f"{', '.join(unused)}: --{needed} is missing; add it, or remove the option")
    faults += [
        f"--{name}: must be at least 1, received {value}"
        for name in ("batch", "rows", "neighbours")
        if (value := getattr(given, name)) is not None and value < 1
    ]
    if given.output.exists() and not is_report(given.output):
        faults.append(f"--output: {given.output} is not a report and would be overwritten; name a new folder")
    if faults:
        raise PipelineError("\n".join(faults))


def is_report(folder: Path) -> bool:
    """Return whether a folder is empty or an earlier report."""
    return folder.is_dir() and (not any(folder.iterdir()) or all((folder / name).is_file() for name in REPORT))


def wanted(
    predictor: Predictor, layers: Sequence[str] | None, columns: Sequence[str]
) -> tuple[list[str], list[Embedding]]:
    """Return the requested layers and embeddings, before anything is written.

    Raises:
        PipelineError: A name does not exist.
    """
    from pipeline.models import output_names

    known = output_names(predictor.model)
    names = list(layers or known)
    if absent := [name for name in names if name not in known]:
        raise PipelineError(f"--layer: no layer {no_such(absent, known)}")
    return names, [predictor.embedding(name) for name in columns]


def chosen(overrides: Sequence[str], model: str | None, seed: int) -> tuple[Predictor, str]:
    """Return the network to inspect, and a line that describes it."""
    if overrides:
        config = load(list(overrides))
        return untrained(config), f"an untrained network from {' '.join(overrides)}"
    if model is not None:
        return trained(folder_of(model), seed), f"the network of {model}"
    config = _configured([])
    if not MODELS.is_dir():
        return untrained(config), f"an untrained network from {PARAMS}: there is no folder {MODELS}"
    if not matches(MODELS, config):
        reason = f"{MODELS} holds a network for other data (inspect it with --model {MODELS})"
        return untrained(config), f"an untrained network from {PARAMS}: {reason}"
    return trained(MODELS, seed), f"the trained network in {MODELS}"


def trained(folder: Path, seed: int) -> Predictor:
    """Load a network, and set the seed of its dropout."""
    from pipeline.training import make_deterministic

    make_deterministic(seed)
    return predictor_for(folder)


def untrained(config: Config) -> Predictor:
    """Build an untrained network."""
    task: TrainingTask = config.family.load("training")(config)
    task.require_prepared()
    task.check()

    from pipeline.models import to_float32
    from pipeline.training import make_deterministic

    make_deterministic(config.seed)
    predictor = task.predictor(task.combine([fold.build() for fold in task.folds()]))
    to_float32(predictor.model)
    return predictor


def describe(predictor: Predictor, folder: Path) -> str:
    """Write the summary, pictures and weights; return the summary."""
    import numpy as np

    from pipeline.models import EmbeddingDense, layers_of, summary, weights_of, write_pictures

    text = summary(predictor.model)
    (folder / "network.txt").write_text(text, encoding="utf-8")
    write_pictures(predictor.model, folder)
    weights = list(weights_of(predictor.model))
    np.savez(
        folder / "weights.npz", allow_pickle=False, **{f"{layer}/{name}": values for layer, name, values, _ in weights}
    )
    write_csv(
        folder / "weights.csv",
        ["layer", "weight", "shape", "parameters", "trained", "mean", "std", "min", "max"],
        (
            [layer, name, "x".join(map(str, values.shape)), values.size, "yes" if is_trained else "no"]
            + [f"{figure:.6g}" for figure in (values.mean(), values.std(), values.min(), values.max())]
            for layer, name, values, is_trained in weights
        ),
    )
    layers = {path: layer for path, layer in layers_of(predictor.model).items() if isinstance(layer, EmbeddingDense)}
    if layers:
        write_csv(
            folder / "columns.csv",
            ["layer", "column", "table", "table_first", "table_last", "kernel_first", "kernel_last"],
            (row for path, layer in layers.items() for row in legend(path, layer, predictor)),
        )
    return text


def legend(path: str, layer: "EmbeddingDense", predictor: Predictor) -> Iterator[list[Any]]:
    """Yield the rows of table and kernel that belong to each column, then the kernel rows of the other features."""
    names, end = predictor.embedded(), 0
    for column, first in layer.kernel_rows().items():
        dim, size, offset = layer.dims[column], layer.cardinalities[column], int(layer.offsets[column])
        end = first + dim
        yield [path, names[column], f"table_{dim}", offset, offset + size - 1, first, end - 1]
    prefix = path.rpartition("/")[0]
    for name, units in predictor.unit_names().items():
        head, _, made_by = name.rpartition("/")
        # Other features are named after the layer that computes them.
        is_other = head == prefix and made_by not in ("categorical", "numeric")
        if is_other and len(units) == layer.kernel.shape[0] - end:
            yield from ([path, unit, "", "", "", end + place, end + place] for place, unit in enumerate(units))


def write_outputs(
    predictor: Predictor,
    layers: Sequence[str],
    source: Path,
    folder: Path,
    *,
    phase: str,
    batch: int,
    rows: int,
    format: str,  # noqa: A002  (as the option is called)
    **_others: Any,
) -> None:
    """Write the outputs of layers for the first rows of a file, batch by batch, to one file per layer."""
    from pipeline.models import LayerFiles, Probe

    probe, done = Probe(predictor.model, layers), 0
    with LayerFiles(folder, format, predictor.unit_names(), as_lists=predictor.is_sequence_model) as writer:
        for inputs in predictor.batches(source, batch):
            count = min(len(next(iter(inputs.values()))), rows - done)
            part = {name: values[:count] for name, values in inputs.items()}
            writer.write(probe(part, training=phase == "train"), done)
            done += count
            if done == rows:
                break
    if not done:
        raise PipelineError(f"{source}: no rows")
    more = " (--rows raises the limit)" if done == rows else ""
    print(f"the first {done:,} rows of {source}{more}, {phase} phase, {batch} at a time")


def _configured(overrides: Sequence[str]) -> Config:
    """Return the configuration of params.yaml, or that of the overrides."""
    return load([], Path(), PARAMS.stem) if PARAMS.is_file() and not overrides else load(list(overrides))


def evaluation_of(overrides: Sequence[str], model: str | None) -> tuple[EvaluationTask, Path]:
    """Return the evaluation of a network that was trained on the data in data/processed, and the network's folder.

    Raises:
        PipelineError: The network or the data belong to another configuration.
    """
    config = _configured(overrides)
    task: EvaluationTask = config.family.load("evaluation")(config)
    task.require_prepared()
    folder = folder_of(model) if model is not None else MODELS
    require_trained_model(folder, config)
    return task, folder


def write_column_importances(task: EvaluationTask, model: Path, folder: Path) -> str:
    """Write the importance of each column for a trained network, as a table and as a plot; return the table as text.

    Raises:
        PipelineError: The network reads no columns.
    """
    importances = task.importances(model)
    if not importances:
        raise PipelineError(
            f"--importance: networks of the family {task.config.task} read no columns; remove the option"
        )
    from pipeline.metrics import plots

    title = importance_title(task)
    write_text(folder / "importance.csv", importance_table(importances))
    plots.importance(title, importances).savefig(folder / "importance.png", dpi=100)
    lines = [f"{each.value:9.4f}  ({each.low:.4f} to {each.high:.4f})  {each.name}" for each in importances]
    return "\n".join([title, *lines])


def write_embedding(embedding: Embedding, neighbours: int, folder: Path) -> None:
    """Write a column's embeddings: a table, the nearest neighbours of each category, and a plot."""
    from pipeline.metrics import nearest, plane

    folder.mkdir(exist_ok=True)
    path = folder / quote(embedding.column, safe=" ")
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
            for index, nearby in enumerate(zip(rows, cosines, strict=True))
            for rank, (other, cosine) in enumerate(zip(*nearby, strict=True), start=1)
        ),
    )
    plane(f"embeddings of {embedding.column}", vectors, names).savefig(path.with_name(f"{path.name}.png"), dpi=100)


def write_csv(path: Path, header: Sequence[str], rows: Iterator[Sequence[Any]]) -> None:
    """Write a table as CSV."""
    path.write_text(csv_text(header, rows), encoding="utf-8", newline="")


if __name__ == "__main__":
    main()
