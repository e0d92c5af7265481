"""Train the network; rerun the same command to resume. With --multirun, search for good settings."""

import gc
import shutil
from collections.abc import Sequence
from statistics import mean, stdev
from typing import TYPE_CHECKING

from pipeline.config import Config, command, format_score
from pipeline.storage import LEARNING_CURVE, MODELS, FolderLock, checkpoints, csv_text, sealed_folder, write_text
from pipeline.tasks import TrainingTask, explain_new_training, save_inputs, train_each_fold, training_key

if TYPE_CHECKING:
    import keras

    from pipeline.tracking import Run
    from pipeline.training import Checkpoint, Checkpoints, EpochRecord

    Trained = tuple[keras.Model, Sequence[EpochRecord]]


def train(config: Config) -> None:
    """Train, save and record the network of an experiment."""
    task: TrainingTask = config.family.load("training")(config)
    task.require_prepared()
    task.check()

    # Imported late, so that invalid settings or data are reported before TensorFlow has loaded.
    from pipeline.tracking import record_end, record_start, reference_to, store_uri, training_run
    from pipeline.training import Checkpoints

    inputs = task.fingerprint_inputs()
    key = training_key(inputs)
    folder = checkpoints(key)
    with FolderLock(folder, "trains the same network"):
        folds = task.folds()
        saved = [Checkpoints(folder if len(folds) == 1 else folder / f"fold_{n}") for n in range(1, len(folds) + 1)]
        has_begun = [fold_checkpoints.latest(config.train.epochs) is not None for fold_checkpoints in saved]
        if not any(has_begun) and (why := explain_new_training(folder, config.name, inputs)):
            print(why, flush=True)
        save_inputs(folder, config.name, store_uri(config.tracking.uri), inputs)
        with training_run(config, key, has_begun) as run:
            record_start(run, config, task.headline)
            if len(folds) == 1:
                model, history = train_one(task, saved[0], run)
            else:
                model, history = train_folds(task, folds, saved, has_begun, key, run)
            save(task, model, history, saved[0])
            record_end(run, config, task.predictor(model))
            reference_to(run, config).save()


def train_one(task: TrainingTask, saved: "Checkpoints", run: "Run") -> "Trained":
    """Train one network; return it and the scores of its epochs."""
    from pipeline.tracking import record_epoch, record_network

    start = saved.latest(task.config.train.epochs)
    print(announcement(run, start, task.config), flush=True)
    # Not earlier, because MLflow and Keras draw run names and seeds from the same generator.
    model = task.initial_model()
    record_network(run, model)
    history: list[EpochRecord] = []

    def on_epoch(record: "EpochRecord") -> None:
        record_epoch(run, record)
        history.append(record)
        write_learning_curve(task, history)

    return model, task.train(model, start, saved, on_epoch)


def train_folds(
    task: TrainingTask,
    folds: Sequence[TrainingTask],
    saved: Sequence["Checkpoints"],
    has_begun: Sequence[bool],
    key: str,
    run: "Run",
) -> "Trained":
    """Train a network per fold, each in a child run; return them combined, and the mean scores of their epochs."""
    from pipeline.tracking import FOLD_SCORE, fold_run, record_epoch, record_network
    from pipeline.training import mean_history

    networks: list[keras.Model] = []

    def train_fold(number: int, fold: TrainingTask) -> "Sequence[EpochRecord]":
        with fold_run(run, task.config, key, number, begun=has_begun[number - 1]) as child:
            print(f"fold {number}/{len(folds)}: ", end="", flush=True)
            child.log_config(task.config)
            network, history = train_one(fold, saved[number - 1], child)
        networks.append(network)
        gc.collect()  # frees the graph and the optimizer of the training
        return history

    print(
        f"run {run.id} of MLflow experiment {task.config.name}: {len(folds)} folds, one child run per fold", flush=True
    )
    histories, best = [], []
    for number, history, best_epoch in train_each_fold(folds, train_fold):
        histories.append(history)
        best.append(best_epoch.scores[f"val_{task.monitor}"])
        run.log_scores({f"{FOLD_SCORE}/{task.monitor}": best[-1]}, number)
    print(
        f"folds: val_{task.monitor} {', '.join(map(format_score, best))}; mean {format_score(mean(best))}, "
        f"standard deviation {format_score(stdev(best))}",
        flush=True,
    )
    model = task.combine(networks)
    record_network(run, model)
    means = mean_history(histories)
    for record in means:
        record_epoch(run, record)
    write_learning_curve(task, means)
    return model, means


def write_learning_curve(task: TrainingTask, history: Sequence["EpochRecord"]) -> None:
    """Write the learning curve in the form of DVC's plots: its columns have the same names for every family."""
    rows = ((record.epoch, record.scores["loss"], record.scores[f"val_{task.monitor}"]) for record in history)
    write_text(LEARNING_CURVE, csv_text(["epoch", "loss", "validation"], rows))


def announcement(run: "Run", start: "Checkpoint | None", config: Config) -> str:
    """Return a line that says which run this is, and where it starts."""
    epochs = config.train.epochs
    if start is None:
        return f"run {run.id} of MLflow experiment {config.name}"
    epoch = start.progress.epoch
    if start.progress.stopped and epoch < epochs:
        return (
            f"run {run.id}: already stopped early at epoch {epoch}/{epochs} (no improvement for "
            f"{config.train.patience} epochs); writing the network again"
        )
    if not run.resumed:
        return f"run {run.id} continues a previous training of {epoch} epochs"
    if epoch >= epochs:
        return f"resuming run {run.id} at epoch {epochs}/{epochs}: already trained; writing the network again"
    return f"resuming run {run.id} at epoch {epoch + 1}/{epochs}"


def save(task: TrainingTask, model: "keras.Model", history: Sequence["EpochRecord"], saved: "Checkpoints") -> None:
    """Write models/: the network, its schema, the scores of the epochs, and the networks of `train.save_every`."""
    every = task.config.train.save_every
    with sealed_folder(MODELS) as scratch:
        task.save(model, scratch)
        epochs = [record.epoch for record in history if every and record.epoch % every == 0]
        kept = [epoch for epoch in epochs if (saved.kept / f"{epoch:03}").is_dir()]
        for epoch in kept:
            shutil.copytree(saved.kept / f"{epoch:03}", scratch / "epochs" / f"{epoch:03}")
        if missing := [str(epoch) for epoch in epochs if epoch not in kept]:
            print(
                f"train.save_every: the networks of epochs {', '.join(missing)} were not saved when they were trained; "
                f"to train them again, delete {saved.folder}",
                flush=True,
            )
        rows = ([record.epoch, *record.scores.values()] for record in history)
        write_text(scratch / "history.csv", csv_text(["epoch", *history[0].scores], rows))


main = command(train, sweeps=True)

if __name__ == "__main__":
    main()
