"""Train the network; interrupted, the same command goes on where it stood."""

import csv
import io
from collections.abc import Sequence
from typing import TYPE_CHECKING

from pipeline.config import Config, command
from pipeline.storage import MODELS, FolderLock, checkpoints, folder_digest, new_folder, write_text
from pipeline.tasks import Task, task_for

if TYPE_CHECKING:
    import keras

    from pipeline.tracking import Run
    from pipeline.training import Checkpoint, EpochRecord


@command
def main(config: Config) -> None:
    """Train, save, record."""
    task = task_for(config)
    task.require_prepared()

    # Late, so that a wrong configuration or wrong data is told before TensorFlow has loaded.
    from pipeline.tracking import reference_to, training_run
    from pipeline.training import Checkpoints, make_deterministic

    key = task.key()
    folder = checkpoints(key)
    with FolderLock(folder, "trains the same network"), training_run(config, key) as run:
        saved = Checkpoints(folder)
        start = saved.latest(config.train.epochs)
        announce(run, start, config)
        # Here and no earlier: MLflow draws the names of new runs from Python's generator, as Keras draws its seeds.
        make_deterministic(config.seed)
        model = task.build()
        record_start(run, config, model)
        history = task.train(model, start, saved, lambda epoch: record_epoch(run, epoch))
        save(task, model, history)
        record_end(run, config, task, history)
        reference_to(run, config, key).save()


def announce(run: "Run", start: "Checkpoint | None", config: Config) -> None:
    """Say which run this is, and where it begins."""
    epochs = config.train.epochs
    if start is None:
        print(f"run {run.id} of MLflow experiment {config.name}", flush=True)
    elif start.progress.stopped or start.progress.epoch >= epochs:
        print(
            f"resuming run {run.id} at epoch {epochs}/{epochs}: trained already; the network is written again",
            flush=True,
        )
    else:
        print(f"resuming run {run.id} at epoch {start.progress.epoch + 1}/{epochs}", flush=True)


def record_start(run: "Run", config: Config, model: "keras.Model") -> None:
    """Log what is about to be trained, on what, by which code."""
    run.log_config(config)
    run.log_provenance()
    run.log_datasets()
    lines: list[str] = []
    model.summary(print_fn=lines.append, line_length=100)
    run.log_text("\n".join(lines), "network.txt")


def record_epoch(run: "Run", record: "EpochRecord") -> None:
    """Log the scores of one epoch; the time is the checkpoint's, so that a point logged again is the same point."""
    scores = {
        f"val/{name.removeprefix('val_')}" if name.startswith("val_") else f"train/{name}": value
        for name, value in record.scores.items()
    }
    run.log_scores(scores, step=record.epoch, timestamp=record.timestamp)


def save(task: Task, model: "keras.Model", history: Sequence["EpochRecord"]) -> None:
    """Write models/: the network, what it takes to use it, and the scores by epoch."""
    with new_folder(MODELS) as scratch:
        task.save(model, scratch)
        write_text(scratch / "history.csv", table_of(history))


def record_end(run: "Run", config: Config, task: Task, history: Sequence["EpochRecord"]) -> None:
    """Log the learning curves and the network itself, once."""
    from pipeline.metrics import plots
    from pipeline.tracking import log_model

    run.log_figure(plots.history([{"epoch": record.epoch, **record.scores} for record in history]), "plots/history.png")
    trained = folder_digest(MODELS)
    if config.tracking.log_model and run.tags.get(TRAINED) != trained:
        log_model(MODELS, task.columns(), task.example())
        run.tag(TRAINED, trained)


TRAINED = "onehot.trained"


def table_of(history: Sequence["EpochRecord"]) -> str:
    """Return scores by epoch as CSV."""
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(["epoch", *history[0].scores])
    writer.writerows([record.epoch, *record.scores.values()] for record in history)
    return stream.getvalue()


if __name__ == "__main__":
    main()
