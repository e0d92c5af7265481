"""A sweep from its settings to its report."""

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf

from pipeline.config import Config, ConfigError, InterruptedRunError, checked, did_you_mean, higher_is_better, load
from pipeline.storage import PROCESSED, code_digest, digest, folder_digest
from pipeline.sweep.plan import COSTS, Plan
from pipeline.sweep.settings import SweepSettings
from pipeline.sweep.space import Space, check_space, parse
from pipeline.sweep.study import UID, SweepError, counted, failures, open_study, pruner_of, sampler_of, storage_url
from pipeline.sweep.worker import Worker, too_many_failed
from pipeline.tasks import TrainingTask, training_code

Launch = Callable[[Callable[[Any], Any], Path, int], list[Any]]
RESTARTS = 20
"""Times that workers are started again after one of them died."""


def run_sweep(settings: dict[str, Any], arguments: Sequence[str], launch: Launch) -> None:
    """Search.

    Args:
        settings: `hydra.sweeper`.
        arguments: Overrides of the command line.
        launch: Runs a worker in several processes.

    Raises:
        PipelineError: The sweep cannot begin, or too many trials failed.
    """
    plain = {key: _plain(value) for key, value in settings.items()}
    asked = checked("hydra.sweeper", SweepSettings, plain)
    space, overrides = parse(asked.params, [text for text in arguments if not _is_sweep_file(text)], asked.when)
    _refuse_overrides(overrides)
    config = load([text for text in overrides if not text.startswith("hydra")])
    check_space(space, config.tree)
    task: TrainingTask = config.family.load("training")(config)
    task.require_prepared()
    plan = _plan(asked, space, overrides, config, task)
    sampler_of(plan, 0), pruner_of(plan)
    about = {"experiment": config.name, "overrides": list(plan.overrides), "metrics": list(plan.metrics)}
    study = open_study(plan, _identity(plan), about)
    mark = digest(
        [study.user_attrs[UID], code_digest(path for files in training_code(config.family).values() for path in files)]
    )[:8]
    plan = replace(plan, failed_before=len(failures(study)), mark=mark)

    # Late: whatever is wrong is told before MLflow has loaded.
    from pipeline.sweep.report import finish
    from pipeline.tracking import FAILED, KILLED, SweepRecord, flush

    record = SweepRecord(config)
    parent = record.parent(plan.study)
    plan = replace(plan, parent=parent.id)
    try:
        parent.log_config(config)
        for axis in plan.space.axes:
            parent.tag(f"onehot.axis.{axis.key}", axis.text)
        parent.log_text(OmegaConf.to_yaml(OmegaConf.create(plain)), "sweep.yaml")
        begin(plan, study, asked.enqueue)
        _launch(plan, study, launch)
        finish(plan, study, record, parent, confirm=asked.confirm, experiment=config.name)
    except (InterruptedRunError, KeyboardInterrupt, SystemExit):
        record.end(parent, KILLED)
        raise
    except Exception:
        record.end(parent, FAILED)
        raise
    finally:
        flush()


def begin(plan: Plan, study: Any, enqueue: Sequence[dict[str, Any]]) -> None:
    """Say what is about to happen; give a new study the trials to try first.

    Raises:
        ConfigError: A trial to try first names no axis.
    """
    done = len(counted(study))
    how = f"goes on with {done} of" if done else "begins:"
    print(
        f"sweep {plan.study} {how} {plan.n_trials} trials, {plan.n_jobs} at a time; {len(plan.space.axes)} axes",
        flush=True,
    )
    known = {axis.key for axis in plan.space.axes}
    faults = [
        f"hydra.sweeper.enqueue: {key}: no axis{did_you_mean(key, known)}"
        for values in enqueue
        for key in values
        if key not in known
    ]
    if faults:
        raise ConfigError(faults)
    points = plan.space.grid(plan.tree)[: plan.n_trials] if plan.sampler["name"] == "grid" else []
    # At every start: one that was killed here left some of them out.
    there = {_canonical(t.params or t.system_attrs.get("fixed_params", {})) for t in study.get_trials(deepcopy=False)}
    for values in [{}, *enqueue, *points]:
        draws, outside = plan.space.draws(values, plan.tree)
        if outside:
            shown = "the config as it stands" if not values else f"the trial {values}"
            print(f"{shown} is not tried first: {'; '.join(outside)}", flush=True)
        elif _canonical(draws) not in there:
            there.add(_canonical(draws))
            study.enqueue_trial(draws)


def _canonical(draws: dict[str, Any]) -> str:
    return json.dumps(draws, sort_keys=True)


def _launch(plan: Plan, study: Any, launch: Launch) -> None:
    """Run workers until the study is full; where one is killed, joblib ends all, and they are started again."""
    began = time.monotonic()
    for _ in range(RESTARTS):
        left = None if plan.timeout is None else plan.timeout - (time.monotonic() - began)
        if left is not None and left <= 0:
            return
        try:
            launch(Worker(replace(plan, timeout=left)), plan.folder, plan.n_jobs)
        except InterruptedRunError:
            raise
        except Exception as error:
            if not _is_death(error):
                raise
            print(f"a worker was killed ({str(error).splitlines()[0]}); workers are started again", flush=True)
            continue
        if too_many_failed(plan, study):
            raise SweepError(
                f"sweep {plan.study} stops: more than {plan.max_failure_rate:.0%} of {plan.n_trials} trials failed "
                "(hydra.sweeper.max_failure_rate); `make ui` shows their tracebacks. The same command goes on"
            )
        return
    raise SweepError(
        f"sweep {plan.study} stops: workers died {RESTARTS} times; is the memory enough for hydra.sweeper.n_jobs?"
    )


def _is_death(error: Exception) -> bool:
    return type(error).__name__ in ("TerminatedWorkerError", "BrokenProcessPool")


def _plan(asked: SweepSettings, space: Space, overrides: Sequence[str], config: Config, task: TrainingTask) -> Plan:
    metrics = [f"val/{task.monitor}" if name == "auto" else name for name in asked.metrics]
    legal = [*(f"val/{name}" for name in task.schema.monitors), "train/loss", *COSTS]
    if unknown := [name for name in metrics if name not in legal]:
        raise ConfigError([f"hydra.sweeper.metric: no metric {name!r}{did_you_mean(name, legal)}" for name in unknown])
    given = asked.directions if asked.direction != "auto" else ["auto"] * len(metrics)
    directions = [_direction(name) if each == "auto" else each for name, each in zip(metrics, given, strict=True)]
    n_trials = asked.n_trials
    if asked.sampler.get("name") == "grid":
        n_trials = min(n_trials, len(space.grid(config.tree)))
    plan = Plan(
        study="",
        storage=storage_url(asked.storage),
        space=space,
        overrides=[text for text in overrides if not text.startswith("hydra")],
        tree=config.tree,
        metrics=metrics,
        directions=directions,
        n_trials=n_trials,
        n_jobs=asked.n_jobs,
        timeout=asked.timeout,
        trial_seconds=asked.trial_seconds,
        max_failure_rate=asked.max_failure_rate,
        sampler=asked.sampler,
        pruner=asked.pruner,
    )
    return replace(plan, study=asked.study_name or f"{config.name}-{digest(_identity(plan))[:8]}")


def _identity(plan: Plan) -> dict[str, Any]:
    """Return what makes trials comparable; not the sampler, the pruner or how many there are."""
    # Not the test split: a sweep never looks at it.
    data = [folder_digest(PROCESSED / split) for split in ("train", "val")]
    fixed = {key: value for key, value in plan.tree.items() if key not in ("evaluate", "export", "tracking")}
    return {
        "space": plan.space.describe(),
        "is_grid": plan.sampler.get("name") == "grid",
        "trial_seconds": plan.trial_seconds,
        "config": digest(fixed),
        "data": digest(data),
        "metrics": list(plan.metrics),
        "directions": list(plan.directions),
    }


def _direction(metric: str) -> str:
    return "maximize" if higher_is_better(metric.removeprefix("val/")) else "minimize"


def _refuse_overrides(overrides: Sequence[str]) -> None:
    faults = [f"{text}: a sweep deletes no key; give it a value" for text in overrides if text.startswith("~")]
    faults += [
        f"{text}: a sweep belongs to its experiment; leave the name out"
        for text in overrides
        if text.startswith("name=")
    ]
    if faults:
        raise ConfigError(faults)


def _is_sweep_file(text: str) -> bool:
    return text.lstrip("+").startswith("sweep=")


def _plain(value: Any) -> Any:
    return OmegaConf.to_container(value, resolve=True) if OmegaConf.is_config(value) else value
