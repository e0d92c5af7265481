"""Train the network; interrupted, the same command goes on where it stood. With --multirun, search for its settings."""

import gc
import json
import shutil
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from statistics import mean, stdev
from typing import TYPE_CHECKING, Any

from pipeline.config import Config, command, figure
from pipeline.storage import MODELS, FolderLock, checkpoints, csv_text, new_folder, write_json, write_text
from pipeline.tasks import Task, key_of, task_for

if TYPE_CHECKING:
    import keras

    from pipeline.tracking import Run
    from pipeline.training import Checkpoint, Checkpoints, EpochRecord

KEY = "key.json"
"""Beside the checkpoints of a training: what it hangs on."""


def train(config: Config) -> None:
    """Train, save, record."""
    task = task_for(config)
    task.require_prepared()
    task.check()

    # Late, so that a wrong configuration or wrong data is told before TensorFlow has loaded.
    from pipeline.tracking import reference_to, store_uri, training_run
    from pipeline.training import Checkpoints

    of = task.ingredients()
    key = key_of(of)
    folder = checkpoints(key)
    with FolderLock(folder, "trains the same network"):
        folds = task.folds()
        saved = [Checkpoints(folder if len(folds) == 1 else folder / f"fold_{n}") for n in range(1, len(folds) + 1)]
        begun = [each.latest(config.train.epochs) is not None for each in saved]
        if not any(begun) and (why := near_miss(folder, config.name, of)):
            print(why, flush=True)
        about = {"name": config.name, "store": store_uri(config.tracking.uri), "of": of}
        write_json(folder / KEY, about)
        with training_run(config, key, begun) as run:
            record_start(run, config, task)
            if len(folds) == 1:
                model, history = train_one(task, saved[0], run)
            else:
                model, history = train_folds(task, folds, saved, begun, key, run)
            save(task, model, history, saved[0])
            record_end(run, config, task, history)
            reference_to(run, config).save()


def near_miss(folder: Path, name: str, wanted: dict[str, Any]) -> str | None:
    """Say why the checkpoints of the experiment's last training are not gone on with, where there are some.

    Args:
        folder: Of this training's checkpoints.
        name: Of the experiment.
        wanted: What this training hangs on.
    """
    found = []
    for path in folder.parent.glob(f"*/{KEY}"):
        # What another version wrote is none; another training may replace its checkpoints this moment.
        with suppress(OSError, ValueError, KeyError):
            content = json.loads(path.read_text(encoding="utf-8"))
            newest = max(path.parent.rglob("*.npz"), default=None, key=_age)
            if path.parent != folder and newest and content["name"] == name:
                found.append((_age(newest), newest, dict(content["of"])))
    if not found:
        return None
    _, newest, other = max(found, key=lambda each: each[0])
    differ = [
        f"{key} ({other.get(key)} there, {wanted.get(key)} now)" if "." in key or key == "seed" else key
        for key in {**wanted, **other}
        if wanted.get(key) != other.get(key)
    ]
    return (
        f"a new training: checkpoints of experiment {name} in {newest.parent} differ in {', '.join(differ[:8])}"
        f"{f' and {len(differ) - 8} more' if len(differ) > 8 else ''}"
    )


def _age(path: Path) -> float:
    return path.stat().st_mtime


def train_one(task: Task, saved: "Checkpoints", run: "Run") -> tuple["keras.Model", Sequence["EpochRecord"]]:
    """Train one network; return it, and its scores by epoch."""
    from pipeline.training import make_deterministic

    start = saved.latest(task.config.train.epochs)
    announce(run, start, task.config)
    # Here and no earlier: MLflow draws the names of new runs from Python's generator, as Keras draws its seeds.
    make_deterministic(task.seed)
    model = task.build()
    record_network(run, model)
    return model, task.train(model, start, saved, lambda epoch: record_epoch(run, epoch))


def train_folds(
    task: Task, folds: Sequence[Task], saved: Sequence["Checkpoints"], begun: Sequence[bool], key: str, run: "Run"
) -> tuple["keras.Model", Sequence["EpochRecord"]]:
    """Train a network a fold, each in a child run; return them put together, and the mean of their scores by epoch."""
    from pipeline.tracking import FOLD_SCORE, fold_run
    from pipeline.training import mean_history

    print(f"run {run.id} of MLflow experiment {task.config.name}: {len(folds)} folds, a child run each", flush=True)
    networks, histories, best = [], [], []
    for number, (fold, kept, has_begun) in enumerate(zip(folds, saved, begun, strict=True), 1):
        with fold_run(run, task.config, key, number, begun=has_begun) as child:
            print(f"fold {number}/{len(folds)}: ", end="", flush=True)
            child.log_config(task.config)
            child.tag("onehot.seed", str(fold.seed))
            network, history = train_one(fold, kept, child)
        networks.append(network)
        histories.append(history)
        best.append(best_of(history, task.monitor))
        run.log_scores({FOLD_SCORE: best[-1]}, number)
        gc.collect()  # the training's graph and its optimizer
    print(
        f"folds: val_{task.monitor} {', '.join(map(figure, best))}; mean {figure(mean(best))}, deviation "
        f"{figure(stdev(best))}",
        flush=True,
    )
    model = task.together(networks)
    record_network(run, model)
    history = mean_history(histories)
    for record in history:
        record_epoch(run, record)
    return model, history


def best_of(history: Sequence["EpochRecord"], monitor: str) -> float:
    """Return the score of the epoch whose network was kept."""
    from pipeline.metrics import HIGHER_IS_BETTER

    return (max if HIGHER_IS_BETTER[monitor] else min)(record.scores[f"val_{monitor}"] for record in history)


def announce(run: "Run", start: "Checkpoint | None", config: Config) -> None:
    """Say which run this is, and where it begins."""
    epochs = config.train.epochs
    if start is None:
        print(f"run {run.id} of MLflow experiment {config.name}", flush=True)
    elif start.progress.stopped and start.progress.epoch < epochs:
        print(
            f"run {run.id}: the training has stopped at epoch {start.progress.epoch}/{epochs}, as it became no better "
            f"(train.patience={config.train.patience}); the network is written again",
            flush=True,
        )
    elif not run.resumed:
        print(f"run {run.id} goes on from a training of {start.progress.epoch} epochs", flush=True)
    elif start.progress.epoch >= epochs:
        print(
            f"resuming run {run.id} at epoch {epochs}/{epochs}: trained already; the network is written again",
            flush=True,
        )
    else:
        print(f"resuming run {run.id} at epoch {start.progress.epoch + 1}/{epochs}", flush=True)


def record_start(run: "Run", config: Config, task: Task) -> None:
    """Log what is about to be learned, from what, by which code."""
    from pipeline.models import resolved
    from pipeline.tracking import HEADLINE

    run.log_config(config)
    run.log_provenance()
    run.log_datasets()
    run.tag("precision", resolved(config.train.precision))
    run.tag(HEADLINE, task.headline)


def record_network(run: "Run", model: "keras.Model") -> None:
    """Log summary and picture."""
    from pipeline.models import figure as picture
    from pipeline.models import summary

    run.log_text(summary(model), "network.txt")
    run.log_figure(picture(model), "network.png")


def record_epoch(run: "Run", record: "EpochRecord") -> None:
    """Log the scores of one epoch, and what else it showed."""
    run.log_epoch(record.scores, record.epoch, record.timestamp)
    if record.note:
        run.log_text(record.note, f"samples/epoch_{record.epoch:03}.txt")


def save(task: Task, model: "keras.Model", history: Sequence["EpochRecord"], saved: "Checkpoints") -> None:
    """Write models/: the network, what it takes to use it, the scores by epoch, and networks of single epochs."""
    with new_folder(MODELS) as scratch:
        task.save(model, scratch)
        if task.config.train.save_every:
            epochs = [record.epoch for record in history if record.epoch % task.config.train.save_every == 0]
            kept = [epoch for epoch in epochs if (saved.kept / f"{epoch:03}").is_dir()]
            for epoch in kept:
                shutil.copytree(saved.kept / f"{epoch:03}", scratch / "epochs" / f"{epoch:03}")
            if gone := [str(epoch) for epoch in epochs if epoch not in kept]:
                print(
                    f"train.save_every: the networks of epochs {', '.join(gone)} were not kept when they were trained; "
                    f"to train them again, delete {saved.folder}",
                    flush=True,
                )
        write_text(scratch / "history.csv", table_of(history))


def record_end(run: "Run", config: Config, task: Task, history: Sequence["EpochRecord"]) -> None:
    """Log the learning curves, the network itself and what its files are."""
    from pipeline.metrics import plots
    from pipeline.tracking import log_model

    run.log_figure(plots.history([{"epoch": record.epoch, **record.scores} for record in history]), "plots/history.png")
    run.log_files(MODELS)
    if config.tracking.log_model:
        log_model(run, MODELS, task.columns(), task.outputs(), task.example())


def table_of(history: Sequence["EpochRecord"]) -> str:
    """Return scores by epoch as CSV."""
    return csv_text(["epoch", *history[0].scores], ([record.epoch, *record.scores.values()] for record in history))


main = command(train, sweeps=True)

if __name__ == "__main__":
    main()
