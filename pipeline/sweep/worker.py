"""A worker: draws trials until the study is full, trains each, reports every epoch."""

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
from pipeline.sweep.space import with_values
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
"""How often a trial says that it is alive."""


@dataclass(frozen=True)
class Worker:
    """Hydra's task function: what a launcher runs in each process."""

    plan: Plan

    def __call__(self, _config: DictConfig) -> int:
        """Work until the study is full; return how many trials this worker ran."""
        share_threads(self.plan.n_jobs)
        if self.plan.n_jobs > 1:
            os.environ[ENDS_WITH_PARENT] = "1"
        try:
            return work(self.plan, int(HydraConfig.get().job.num))
        except InterruptedRunError:
            if os.getppid() != PARENT_PID:
                os._exit(1)  # nobody is left to report to; joblib's processes would wait for work for minutes
            raise


def share_threads(workers: int) -> None:
    """Give each of several workers its part of the processors; TensorFlow asks once, when it is imported."""
    if workers > 1:
        threads = str(max(1, (os.cpu_count() or 1) // workers))
        for name in ("TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS", "OMP_NUM_THREADS"):
            os.environ[name] = threads


def work(plan: Plan, number: int) -> int:
    """Run trials until the study is full, the time is over, or too many have failed.

    Args:
        plan: The sweep.
        number: Of this worker.

    Returns:
        Trials run.
    """
    from pipeline.tracking import SweepRecord, flush

    # Before the first trial is drawn: imports are no part of what one costs.
    load_training()
    study = load_study(plan, number)
    record = SweepRecord(check(plan.tree))
    parent = record.run(plan.parent)
    began, done = time.monotonic(), 0
    try:
        while True:
            # One worker at a time looks how many are wanted and takes one: none is drawn too many.
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
    """Import what trains, and take all that is loaded out of the sight of Python's garbage collector."""
    import pipeline.models.backend  # first: it loads Keras without its notices
    import pipeline.tasks
    import pipeline.training  # noqa: F401

    # TensorFlow graphs a network; it warns that they are many, which is what a sweep is.
    logging.getLogger("tensorflow").setLevel(logging.ERROR)
    # A collection looks at every object there is: .4 s for modules alone, at each trial.
    gc.freeze()


def is_over(plan: Plan, study: Study, seconds: float) -> bool:
    """Tell whether no further trial is wanted."""
    return (
        len(counted(study)) >= plan.n_trials
        or too_many_failed(plan, study)
        or (plan.timeout is not None and seconds > plan.timeout)
    )


def too_many_failed(plan: Plan, study: Study) -> bool:
    """Tell whether more trials failed since this start than may: of few trials one, unless none may."""
    allowed = max(1.0, plan.max_failure_rate * plan.n_trials) if plan.max_failure_rate else 0.0
    return len(failures(study)) - plan.failed_before > allowed


class _Attempt:
    """One trial, from its settings to its end in Optuna and MLflow."""

    def __init__(self, plan: Plan, study: Study, trial: Trial, record: "SweepRecord", parent: "Run") -> None:
        self._plan, self._study, self._trial = plan, study, trial
        self._record, self._parent = record, parent
        self._label = f"trial {trial.number}"

    def run(self) -> None:
        plan, trial = self._plan, self._trial
        folder = plan.folder / f"{origin(trial)}-{plan.mark}"
        began = time.monotonic()
        values: dict[str, Any] = {}
        run: Run | None = None
        try:
            # Workers on other hosts cannot see this process.
            with repeated(lambda: trial.set_user_attr(SEEN, time.time()), SEEN_SECONDS):
                values = plan.space.suggest(trial, plan.tree)
                tags = {"onehot.study": plan.study, "onehot.trial": str(trial.number)}
                run = self._record.child(plan.parent, self._label, tags)
                trial.set_user_attr(RUN, run.id)
                config = check(with_values(plan.tree, values))
                run.log_config(config)
                outcome = trained(config, folder, partial(self._report, run), plan.trial_seconds)
                results = outcome.values(plan.metrics)
                trial.set_user_attr("cost", {"seconds": outcome.seconds, "parameters": outcome.parameters})
        except optuna.TrialPruned as pruned:
            self._study.tell(trial, state=TrialState.PRUNED)
            self._end(run, "pruned")
            self._say(f"pruned {pruned}, {time.monotonic() - began:.0f} s", values)
        except (InterruptedRunError, KeyboardInterrupt, SystemExit):
            trial.set_user_attr(ENDED, INTERRUPTED)
            self._study.tell(trial, state=TrialState.FAIL)
            self._end(run, INTERRUPTED)
            raise
        except Exception as error:  # a crash of one trial is no end of the sweep
            trial.set_user_attr(ENDED, FAILED)
            self._study.tell(trial, state=TrialState.FAIL)
            if run is not None:
                run.log_text(traceback.format_exc(), "traceback.txt")
            self._end(run, FAILED)
            reason = str(error).strip().splitlines() or [type(error).__name__]
            self._say(f"failed: {reason[0]} (traceback: run {run.id if run else 'none'})", values)
        else:
            self._study.tell(trial, results)
            self._end(run, "complete")
            reached = ", ".join(
                f"{name} {format_score(value)}" for name, value in zip(plan.metrics, results, strict=True)
            )
            self._say(f"{reached} {outcome.when}, {outcome.seconds:.0f} s", values)
            self._tell_best()
        shutil.rmtree(folder / "checkpoints", ignore_errors=True)

    def _say(self, how: str, values: dict[str, Any]) -> None:
        shown = " ".join(
            f"{key}={f'{value:.4g}' if isinstance(value, float) else value}" for key, value in values.items()
        )
        print(f"{self._label}: {how}: {shown}", flush=True)

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

    def _tell_best(self) -> None:
        if len(self._plan.metrics) == 1:
            best = self._study.best_trial
            self._parent.log_scores(
                {f"best/{self._plan.metrics[0]}": float(best.value or 0)}, self._trial.number, _now()
            )

    def _end(self, run: "Run | None", state: str) -> None:
        from pipeline import tracking

        if run is not None:
            run.tag("trial.state", state)
            status = {INTERRUPTED: tracking.KILLED, FAILED: tracking.FAILED}.get(state, tracking.FINISHED)
            self._record.end(run, status)


def _now() -> int:
    return time.time_ns() // 1_000_000
