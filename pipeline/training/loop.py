"""The training loop: epochs, validation, checkpoints, early stopping; resumed, it goes on bit for bit."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import numpy.typing as npt

from pipeline.config import InterruptedRunError, figure
from pipeline.training.averaging import WeightAverage
from pipeline.training.checkpoint import Checkpoint, Checkpoints, State
from pipeline.training.determinism import epoch_order
from pipeline.training.errors import TrainingError
from pipeline.training.interruption import interruptible
from pipeline.training.optimizer import LearningRate, RowSparseAdam
from pipeline.training.progress import EpochRecord, Progress
from pipeline.training.steps import Loss, Steps

CHUNK_SECONDS = 1.0
"""How long the graph runs before Python may save, report and stop."""
REPORT_SECONDS = 5.0


@dataclass(frozen=True)
class Objective:
    """What is learned: a loss for the steps, scores of the validation rows, and the one among them that decides."""

    loss: Loss
    validate: Callable[[keras.Model], dict[str, float]]
    monitor: str
    higher_is_better: bool


@dataclass(frozen=True)
class Schedule:
    """How long and how fast.

    Attributes:
        batch_size: Rows a step.
        epochs: At most.
        learning_rate: The highest.
        seed: Of the order of examples.
        patience: Epochs without a better monitor before it stops; 0 for never.
        checkpoint_minutes: Between checkpoints within an epoch.
        shape: Of the learning rate: `constant`, `linear` or `cosine`.
        warmup: Share of all steps during which the learning rate rises.
        weight_decay: See `RowSparseAdam`.
        ema: Decay of the weights' moving average; 0 for none.
    """

    batch_size: int
    epochs: int
    learning_rate: float
    seed: int
    patience: int = 0
    checkpoint_minutes: float = 5.0
    shape: str = "constant"
    warmup: float = 0.0
    weight_decay: float = 0.0
    ema: float = 0.0


class Training:
    """One training of one network.

    Args:
        model: To train, in place; in the end it has the weights of its best epoch.
        inputs: Training examples by input name.
        target: `(rows,)`.
        objective: What is learned.
        schedule: How long and how fast.
        checkpoints: Where to save; an earlier training of the same key goes on from there.
        on_epoch: Told of every epoch, after its checkpoint is safe; of earlier ones too when resumed.
    """

    def __init__(
        self,
        model: keras.Model,
        inputs: Mapping[str, npt.NDArray[Any]],
        target: npt.NDArray[np.float32],
        objective: Objective,
        schedule: Schedule,
        checkpoints: Checkpoints,
        on_epoch: Callable[[EpochRecord], None],
    ) -> None:
        self._model, self._objective, self._schedule = model, objective, schedule
        self._checkpoints, self._on_epoch = checkpoints, on_epoch
        steps = schedule.epochs * -(-len(target) // schedule.batch_size)
        rate = LearningRate(schedule.learning_rate, schedule.shape, round(schedule.warmup * steps), steps)
        self._optimizer = RowSparseAdam(rate, schedule.weight_decay)
        self._average = WeightAverage(model.trainable_variables, schedule.ema)
        self._steps = Steps(model, self._optimizer, objective.loss, inputs, target, schedule.batch_size, self._average)
        self._best: dict[str, npt.NDArray[Any]] = {}
        self._progress = Progress()
        self._saved_at = self._reported_at = time.monotonic()
        self._chunk = 8

    def run(self, start: Checkpoint | None) -> list[EpochRecord]:
        """Train to the end, from a checkpoint where there is one.

        Raises:
            InterruptedRunError: Told to stop; a checkpoint holds where it stood.
            TrainingError: The loss is no number any more.
        """
        self._checkpoints.begin(start)
        if start is not None:
            self._restore(start)
        for record in self._progress.history:
            self._on_epoch(record)
        with interruptible() as interruption:
            self._stop = interruption.reason
            while self._progress.epoch < self._schedule.epochs and not self._progress.stopped:
                self._epoch()
                self._stop_if_told()
        for index, weight in enumerate(self._model.weights):
            weight.assign(self._best[f"best/{index:04}"])
        return self._progress.history

    def _epoch(self) -> None:
        progress = self._progress
        self._steps.set_order(epoch_order(self._schedule.seed, progress.epoch, self._steps.rows))
        if progress.step == 0:
            self._steps.loss_sum.assign(0.0)
        began, first = time.monotonic(), progress.step
        while progress.step < self._steps.per_epoch:
            self._run_chunk()
        rate = max(0, self._steps.rows - first * self._schedule.batch_size) / (time.monotonic() - began)
        with self._average.in_place():
            scores = {"loss": float(self._steps.loss_sum.numpy()) / self._steps.rows, **self._validate()}
            monitored = scores[f"val_{self._objective.monitor}"]
            sign = 1.0 if self._objective.higher_is_better else -1.0
            if progress.finish_epoch(scores, sign * monitored, self._schedule.patience):
                self._best = {f"best/{i:04}": _copy(w) for i, w in enumerate(self._model.weights)}
        self._save()
        self._on_epoch(progress.history[-1])
        shown = f"loss {scores['loss']:.4f}  val_{self._objective.monitor} {figure(monitored)}"
        print(f"epoch {progress.epoch}/{self._schedule.epochs}  {shown}  {rate:,.0f} rows/s", flush=True)

    def _run_chunk(self) -> None:
        progress = self._progress
        last = min(progress.step + self._chunk, self._steps.per_epoch)
        began = time.monotonic()
        self._steps.run(progress.step, last)
        self._refuse_nan()
        taken, done = time.monotonic() - began, last - progress.step
        progress.step = last
        # Doubled at most: the first chunks include the compilation of the graph.
        self._chunk = int(np.clip(CHUNK_SECONDS * done / max(taken, 1e-6), 1, 2 * self._chunk))
        self._between_chunks()

    def _between_chunks(self) -> None:
        self._stop_if_told()
        now, progress = time.monotonic(), self._progress
        if now - self._reported_at > REPORT_SECONDS:
            self._reported_at = now
            share = progress.step / self._steps.per_epoch
            print(f"  … epoch {progress.epoch + 1}/{self._schedule.epochs}: {share:.0%}", flush=True)
        if now - self._saved_at > 60 * self._schedule.checkpoint_minutes and progress.step < self._steps.per_epoch:
            self._save()

    def _stop_if_told(self) -> None:
        progress = self._progress
        if reason := self._stop():
            self._save()
            raise InterruptedRunError(
                f"{reason} at epoch {min(progress.epoch + 1, self._schedule.epochs)}/{self._schedule.epochs}, "
                f"step {progress.step}/{self._steps.per_epoch}; the same command goes on from here"
            )

    def _validate(self) -> dict[str, float]:
        return {f"val_{name}": value for name, value in self._objective.validate(self._model).items()}

    def _refuse_nan(self) -> None:
        step = int(self._steps.bad_step.numpy())
        if step >= 0:
            name, weight = max(
                ((variable.path, _largest(variable.numpy())) for variable in self._model.trainable_variables),
                key=lambda each: each[1],
            )
            given = self._steps.largest_input(step)
            shown = f"; its largest input is {given[1]:.3g}, in training row {given[2]} of {given[0]}" if given else ""
            raise TrainingError(
                f"the loss is not finite at epoch {self._progress.epoch + 1}, step {step + 1} of "
                f"{self._steps.per_epoch}{shown}; the largest weight is {weight:.3g}, in {name}. Lower "
                f"train.learning_rate ({self._schedule.learning_rate}), and look for extreme values among the numeric "
                "columns"
            )

    @property
    def _variables(self) -> dict[str, Any]:
        # model.variables holds the states of the dropout layers' seed generators too, which .keras files do not.
        named = {f"model/{i:04}": v for i, v in enumerate(self._model.variables)}
        named |= {f"optimizer/{i:04}": v for i, v in enumerate(self._optimizer.variables)}
        named |= {f"average/{i:04}": v for i, v in enumerate(self._average.variables)}
        return named | {"loss_sum": self._steps.loss_sum}

    def _save(self) -> None:
        state: State = {**{name: _copy(v) for name, v in self._variables.items()}, **self._best}
        self._checkpoints.save(Checkpoint(self._progress, state))
        self._saved_at = time.monotonic()

    def _restore(self, checkpoint: Checkpoint) -> None:
        for name, variable in self._variables.items():
            variable.assign(checkpoint.state[name])
        self._best = {name: array for name, array in checkpoint.state.items() if name.startswith("best/")}
        self._progress = checkpoint.progress


def _largest(values: npt.NDArray[Any]) -> float:
    # No number at all is larger than any.
    return float(np.nan_to_num(np.abs(values), nan=np.inf).max(initial=0.0))


def _copy(variable: Any) -> npt.NDArray[Any]:
    return np.array(variable.numpy() if hasattr(variable, "numpy") else variable)
