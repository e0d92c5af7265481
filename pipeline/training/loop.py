"""The training loop: epochs, validation, checkpoints and early stopping; a resumed training is bit-identical."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import numpy.typing as npt

from pipeline.config import InterruptedRunError, Train, format_score
from pipeline.training.averaging import WeightAverage
from pipeline.training.checkpoint import Checkpoint, Checkpoints
from pipeline.training.errors import TrainingError
from pipeline.training.examples import Examples
from pipeline.training.interruption import interruptible
from pipeline.training.optimizer import LearningRate, optimizer_for
from pipeline.training.pause import PAUSE_AT, Pause
from pipeline.training.progress import EpochRecord, Progress
from pipeline.training.steps import Loss, Steps

CHUNK_SECONDS = 1.0
"""Target duration of a graph call, after which Python can save, report and stop."""
REPORT_SECONDS = 5.0
Weights = dict[str, npt.NDArray[Any]]


@dataclass(frozen=True)
class Objective:
    """The loss, the validation, and the validation score that decides.

    Attributes:
        loss: Targets and outputs of one batch → mean loss, shape ().
        validate: Network → validation scores by name, and a text to show after the epoch.
        monitor: Name of the score that decides when to stop and which epoch to keep.
        higher_is_better: Whether more of that score is better.
    """

    loss: Loss
    validate: Callable[[keras.Model], tuple[dict[str, float], str]]
    monitor: str
    higher_is_better: bool


class Training:
    """One training of one network.

    Args:
        model: The network; trained in place. After `run` it has the weights of its best epoch.
        examples: The training examples.
        objective: The loss and the validation.
        settings: The `train` section.
        seed: Seed of the order of examples.
        checkpoints: Where to save checkpoints.
        on_epoch: Called after every epoch, once its checkpoint is safe; on resuming, for the earlier epochs too.
        save_network: Saves the network as it is after an epoch, every `train.save_every` epochs.
        lazy: Whether rows of embedding tables that a batch did not use are left alone; see `RowSparseAdam`.
        optimizer: `adam` or `rmsprop`.
    """

    def __init__(
        self,
        model: keras.Model,
        examples: Examples,
        objective: Objective,
        settings: Train,
        seed: int,
        checkpoints: Checkpoints,
        *,
        on_epoch: Callable[[EpochRecord], None],
        save_network: Callable[[int], None],
        lazy: bool = False,
        optimizer: str = "adam",
    ) -> None:
        self._model, self._objective, self._settings, self._seed = model, objective, settings, seed
        self._checkpoints, self._on_epoch, self._save_network = checkpoints, on_epoch, save_network
        self._unit = examples.unit
        steps = settings.epochs * examples.per_epoch
        rate = LearningRate(settings.learning_rate, settings.schedule, round(settings.warmup * steps), steps)
        self._carried = examples.carried
        self._optimizer = optimizer_for(optimizer, rate, settings.weight_decay, lazy=lazy)
        self._average = WeightAverage(model.trainable_variables, settings.ema)
        self._steps = Steps(model, self._optimizer, objective.loss, examples, self._average, settings.clip_norm)
        self._best: Weights = {}
        self._last: dict[int, Weights] = {}
        self._progress = Progress()
        self._saved_at = self._reported_at = time.monotonic()
        self._chunk = 8
        self._pause = Pause.from_environment()

    def run(self, start: Checkpoint | None) -> list[EpochRecord]:
        """Train to the end, starting from a checkpoint if given.

        Raises:
            InterruptedRunError: The training was asked to stop; its state is saved in a checkpoint.
            TrainingError: The loss became NaN or infinite.
        """
        self._checkpoints.begin(start)
        if start is not None:
            self._restore(start)
        for record in self._progress.history:
            self._on_epoch(record)
        with interruptible() as interruption:
            self._stop = interruption.reason
            while self._progress.epoch < self._settings.epochs and not self._progress.stopped:
                self._epoch()
                self._stop_if_requested()
        self._assign(self._best)
        if self._settings.average_last > 1:
            self._try_average()
        return self._progress.history

    def _epoch(self) -> None:
        progress = self._progress
        self._steps.begin(self._seed, progress.epoch)
        if progress.step == 0:
            self._steps.forget()
        began, first = time.monotonic(), progress.step
        while progress.step < self._steps.per_epoch:
            self._run_chunk()
        rate = self._steps.amount(first) / (time.monotonic() - began)
        with self._average.in_place():
            val_scores, note = self._validate()
            scores = {"loss": self._steps.loss, **val_scores}
            monitored = scores[f"val_{self._objective.monitor}"]
            sign = 1.0 if self._objective.higher_is_better else -1.0
            if progress.finish_epoch(scores, note, sign * monitored, self._settings.patience):
                self._best = self._weights()
            if self._settings.average_last > 1:
                self._last[progress.epoch] = self._weights()
                self._last.pop(progress.epoch - self._settings.average_last, None)
            if self._settings.save_every and progress.epoch % self._settings.save_every == 0:
                self._save_network(progress.epoch)
        self._save()
        self._on_epoch(progress.history[-1])
        shown = f"loss {scores['loss']:.4f}  val_{self._objective.monitor} {format_score(monitored)}"
        print(f"epoch {progress.epoch}/{self._settings.epochs}  {shown}  {rate:,.0f} {self._unit}/s", flush=True)
        if note:
            print("\n".join(f"  {line}" for line in note.splitlines()), flush=True)

    def _run_chunk(self) -> None:
        progress = self._progress
        last = min(progress.step + self._chunk, self._steps.per_epoch)
        last = self._pause.limit(progress.epoch, progress.step, last)
        began = time.monotonic()
        self._steps.run(progress.step, last)
        self._raise_on_nan()
        taken, done = time.monotonic() - began, last - progress.step
        progress.step = last
        # At most doubled, because the first chunks include the compilation of the graph.
        self._chunk = int(np.clip(CHUNK_SECONDS * done / max(taken, 1e-6), 1, 2 * self._chunk))
        self._between_chunks()

    def _between_chunks(self) -> None:
        self._stop_if_requested()
        if self._pause.is_reached(self._progress.epoch, self._progress.step):
            self._wait_for_end()
        now, progress = time.monotonic(), self._progress
        if now - self._reported_at > REPORT_SECONDS:
            self._reported_at = now
            share = progress.step / self._steps.per_epoch
            print(f"  … epoch {progress.epoch + 1}/{self._settings.epochs}: {share:.0%}", flush=True)
        if now - self._saved_at > 60 * self._settings.checkpoint_minutes and progress.step < self._steps.per_epoch:
            self._save()

    def _wait_for_end(self) -> None:
        self._save()
        print(f"paused at epoch {self._pause.epoch}, step {self._pause.step} ({PAUSE_AT})", flush=True)
        while not self._pause.is_over:
            time.sleep(0.05)
            self._stop_if_requested()

    def _stop_if_requested(self) -> None:
        progress = self._progress
        if reason := self._stop():
            self._save()
            raise InterruptedRunError(
                f"{reason} at epoch {min(progress.epoch + 1, self._settings.epochs)}/{self._settings.epochs}, "
                f"step {progress.step}/{self._steps.per_epoch}; rerun the same command to resume from here"
            )

    def _validate(self) -> tuple[dict[str, float], str]:
        scores, note = self._objective.validate(self._model)
        return {f"val_{name}": value for name, value in scores.items()}, note

    def _try_average(self) -> None:
        """Use the mean weights of the last epochs if they are better than the weights of the best epoch."""
        best, objective = self._weights(), self._objective
        self._assign({name: np.asarray(np.mean([w[name] for w in self._last.values()], axis=0)) for name in best})
        scores, _ = self._validate()
        value, sign = scores[f"val_{objective.monitor}"], 1.0 if objective.higher_is_better else -1.0
        is_better = sign * value > (self._progress.best or 0.0)
        epochs = f"{min(self._last)} to {max(self._last)}"
        verdict = "kept" if is_better else f"not better than epoch {self._progress.best_epoch}, which is kept"
        print(f"mean of epochs {epochs}: val_{objective.monitor} {format_score(value)}, {verdict}", flush=True)
        if not is_better:
            self._assign(best)

    def _weights(self) -> Weights:
        return {f"{index:04}": _copy(weight) for index, weight in enumerate(self._model.weights)}

    def _assign(self, weights: Weights) -> None:
        for index, weight in enumerate(self._model.weights):
            weight.assign(weights[f"{index:04}"])

    def _raise_on_nan(self) -> None:
        step = int(self._steps.bad_step.numpy())
        if step >= 0:
            name, weight = max(
                ((variable.path, _largest(variable.numpy())) for variable in self._model.trainable_variables),
                key=lambda candidate: candidate[1],
            )
            extreme = self._steps.largest_input(step)
            shown = (
                f"; its largest input is {extreme[1]:.3g}, in training row {extreme[2]} of {extreme[0]}"
                if extreme
                else ""
            )
            raise TrainingError(
                f"the loss is not finite at epoch {self._progress.epoch + 1}, step {step + 1} of "
                f"{self._steps.per_epoch}{shown}; the largest weight is {weight:.3g}, in {name}. Lower "
                f"train.learning_rate ({self._settings.learning_rate}), set train.clip_norm"
                f"{', and look for extreme values in the numeric columns' if extreme else ''}"
            )

    @property
    def _variables(self) -> dict[str, Any]:
        # model.variables also holds the dropout layers' seed generator states, which .keras files do not.
        named = {f"model/{i:04}": v for i, v in enumerate(self._model.variables)}
        named |= {f"optimizer/{i:04}": v for i, v in enumerate(self._optimizer.variables)}
        named |= {f"average/{i:04}": v for i, v in enumerate(self._average.variables)}
        named |= {f"carried/{name}": v for name, v in self._carried.items()}
        return named | {"loss_sum": self._steps.loss_sum, "weight_sum": self._steps.weight_sum}

    def _save(self) -> None:
        state: dict[str, npt.NDArray[Any]] = {name: _copy(v) for name, v in self._variables.items()}
        for place, weights in {"best": self._best, **{f"last{epoch}": w for epoch, w in self._last.items()}}.items():
            state |= {f"{place}/{name}": array for name, array in weights.items()}
        self._checkpoints.save(Checkpoint(self._progress, state))
        self._saved_at = time.monotonic()

    def _restore(self, checkpoint: Checkpoint) -> None:
        for name, variable in self._variables.items():
            variable.assign(checkpoint.state[name])
        kept: dict[str, Weights] = {}
        for name, array in checkpoint.state.items():
            place, _, rest = name.partition("/")
            kept.setdefault(place, {})[rest] = array
        self._best = kept.get("best", {})
        self._last = {int(place[4:]): weights for place, weights in kept.items() if place.startswith("last")}
        self._progress = checkpoint.progress


def _largest(values: npt.NDArray[Any]) -> float:
    # NaN counts as the largest value.
    return float(np.nan_to_num(np.abs(values), nan=np.inf).max(initial=0.0))


def _copy(variable: Any) -> npt.NDArray[Any]:
    return np.array(variable.numpy() if hasattr(variable, "numpy") else variable)
