"""A worker: draws trials until the study is full, trains each and reports every epoch."""

import gc
import logging
import os
import shutil
import time
import traceback
from dataclasses import dataclass
from functools import cache, partial
from typing import TYPE_CHECKING, Any

import optuna
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig
from optuna.study import Study
from optuna.trial import Trial, TrialState

from pipeline import ENDS_WITH_PARENT, PARENT_PID
from pipeline.config import InterruptedRunError, check, format_score
from pipeline.storage import FolderLock, repeated, this_process
from pipeline.sweep.plan import Plan
from pipeline.sweep.space import shown_settings
from pipeline.sweep.study import (
    ENDED,
    FAILED,
    INTERRUPTED,
    OWNER,
    RUN,
    SEEN,
    counted,
    failures,
    load_study,
    origin,
    recover,
)
from pipeline.sweep.training import trained

if TYPE_CHECKING:
    from pipeline.tracking import Run, SweepRecord
    from pipeline.training import EpochRecord


SEEN_SECONDS = 5.0
"""Interval between a trial's heartbeats."""


@dataclass(frozen=True)
class Worker:
    """Hydra's task function, which a launcher runs in each process."""

    plan: Plan

    def __call__(self, _config: DictConfig) -> int:
        """Run trials until the study is full; return the number of trials that this worker ran."""
        share_threads(self.plan.n_jobs)
        if self.plan.n_jobs > 1:
            os.environ[ENDS_WITH_PARENT] = "1"
        try:
            return work(self.plan, int(HydraConfig.get().job.num))
        except InterruptedRunError:
            if os.getppid() != PARENT_PID:
                os._exit(1)  # without a parent to report to, joblib's processes would wait minutes for work
            raise


def share_threads(workers: int) -> None:
    """Divide the processors between the workers. TensorFlow reads these variables once, when it is imported."""
    if workers > 1:
        threads = str(max(1, (os.cpu_count() or 1) // workers))
        for name in ("TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS", "OMP_NUM_THREADS"):
            os.environ[name] = threads


def work(plan: Plan, number: int) -> int:
    """Run trials until the study is full, the time limit is reached, or too many trials have failed.

    Args:
        plan: The plan of the sweep.
        number: Number of this worker.

    Returns:
        The number of trials that it ran.
    """
    from pipeline.tracking import SweepRecord, flush

    # Before the first trial starts, so that imports do not count towards its cost.
    load_training()
    study = load_study(plan, number)
    record = SweepRecord(check(plan.tree))
    parent = record.run(plan.parent)
    began, done = time.monotonic(), 0
    try:
        while True:
            # The lock covers the count and the draw, so that workers together never draw too many trials.
            with FolderLock(plan.folder, "draws a trial", wait_seconds=300):
                for line in recover(study, record.lose):
                    print(line, flush=True)
                if is_over(plan, study, time.monotonic() - began):
                    return done
                trial = study.ask()
                trial.set_user_attr(OWNER, this_process())
            _Attempt(plan, study, trial, record, parent).run()
            done += 1
    finally:
        flush()


@cache
def load_training() -> None:
    """Import the training code, and exclude everything loaded so far from garbage collection."""
    import pipeline.models.backend  # first, because it loads Keras without its start-up notices
    import pipeline.tasks
    import pipeline.training  # noqa: F401

    # TensorFlow builds graphs for each network, and warns about their number, which is normal in a sweep.
    logging.getLogger("tensorflow").setLevel(logging.ERROR)
    # A collection visits every object, which takes .4 s in each trial for the modules alone.
    gc.freeze()


def is_over(plan: Plan, study: Study, seconds: float) -> bool:
    """Return whether no further trial should start."""
    return (
        len(counted(study)) >= plan.n_trials
        or too_many_failed(plan, study)
        or (plan.timeout is not None and seconds > plan.timeout)
    )


def too_many_failed(plan: Plan, study: Study) -> bool:
    """Return whether too many trials failed since this start; one may always fail unless `max_failure_rate` is 0."""
    allowed = max(1.0, plan.max_failure_rate * plan.n_trials) if plan.max_failure_rate else 0.0
    return len(failures(study)) - plan.failed_before > allowed


class _Attempt:
    """One attempt at a trial, from drawing its settings to recording its end in Optuna and MLflow."""

    def __init__(self, plan: Plan, study: Study, trial: Trial, record: "SweepRecord", parent: "Run") -> None:
        self._plan, self._study, self._trial = plan, study, trial
        self._record, self._parent = record, parent
        self._label = f"trial {trial.number}"

    def run(self) -> None:
        from pipeline import tracking

        plan, trial = self._plan, self._trial
        folder = plan.folder / f"{origin(trial)}-{plan.mark}"
        began = time.monotonic()
        values: dict[str, Any] = {}
        run: Run | None = None
        try:
            # Workers on other hosts cannot check whether this process is alive.
            with repeated(lambda: trial.set_user_attr(SEEN, time.time()), SEEN_SECONDS):
                values = plan.space.suggest(trial, plan.tree)
                name = f"{self._label}: {shown_settings(values)}"
                trial.set_user_attr("name", name)  # in optuna-dashboard
                run = self._record.child(plan.parent, name, {tracking.TRIAL: str(trial.number)})
                trial.set_user_attr(RUN, run.id)
                config = plan.config(values)
                run.log_config(config)
                outcome = trained(config, folder, partial(self._report, run), plan.trial_seconds)
                results = outcome.values(plan.metrics)
                trial.set_user_attr("cost", {"seconds": outcome.seconds, "parameters": outcome.parameters})
        except optuna.TrialPruned as pruned:
            self._study.tell(trial, state=TrialState.PRUNED)
            self._end(run, "pruned")
            self._print(f"pruned {pruned}, {time.monotonic() - began:.0f} s", values)
        except (InterruptedRunError, KeyboardInterrupt, SystemExit):
            trial.set_user_attr(ENDED, INTERRUPTED)
            self._study.tell(trial, state=TrialState.FAIL)
            self._end(run, INTERRUPTED)
            raise
        except Exception as error:  # a failed trial does not stop the sweep
            trial.set_user_attr(ENDED, FAILED)
            self._study.tell(trial, state=TrialState.FAIL)
            if run is not None:
                run.log_text(traceback.format_exc(), "traceback.txt")
            self._end(run, FAILED)
            reason = str(error).strip().splitlines() or [type(error).__name__]
            self._print(f"failed: {reason[0]} (traceback: run {run.id if run else 'none'})", values)
        else:
            self._study.tell(trial, results)
            self._end(run, "complete")
            scores = ", ".join(
                f"{name} {format_score(value)}" for name, value in zip(plan.metrics, results, strict=True)
            )
            self._print(f"{scores} {outcome.when}, {outcome.seconds:.0f} s", values)
            self._record_best()
        shutil.rmtree(folder / "checkpoints", ignore_errors=True)

    def _print(self, how: str, values: dict[str, Any]) -> None:
        print(f"{self._label}: {how}: {shown_settings(values)}", flush=True)

    def _report(self, run: "Run", epoch: "EpochRecord") -> None:
        from pipeline.tracking import metric_name

        run.log_epoch(epoch.scores, epoch.epoch, epoch.timestamp)
        if len(self._plan.metrics) == 1:
            scores = {metric_name(name): value for name, value in epoch.scores.items()}
            name = self._plan.metrics[0]
            if name in scores:
                self._trial.report(scores[name], epoch.epoch)
                if self._trial.should_prune():
                    unit = "epoch" if self._plan.tree["data"].get("folds", 1) == 1 else "fold"
                    raise optuna.TrialPruned(f"at {unit} {epoch.epoch} with {name} {format_score(scores[name])}")

    def _record_best(self) -> None:
        if len(self._plan.metrics) == 1:
            best = self._study.best_trial
            self._parent.log_scores(
                {f"best/{self._plan.metrics[0]}": float(best.value or 0)}, self._trial.number, _now()
            )

    def _end(self, run: "Run | None", state: str) -> None:
        from pipeline import tracking

        if run is not None:
            run.tags({tracking.TRIAL_STATE: state})
            status = {INTERRUPTED: tracking.KILLED, FAILED: tracking.FAILED}.get(state, tracking.FINISHED)
            self._record.end(run, status)


def _now() -> int:
    return time.time_ns() // 1_000_000
