"""Runs a sweep, from its settings to its report."""

import json
import shlex
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf

from pipeline.config import Config, ConfigError, InterruptedRunError, checked, did_you_mean
from pipeline.data.errors import DataError
from pipeline.storage import PROCESSED, code_digest, digest, folder_digest
from pipeline.sweep.checks import check_space
from pipeline.sweep.plan import COSTS, Plan, composed, with_choices
from pipeline.sweep.settings import SweepSettings
from pipeline.sweep.space import Space, parse
from pipeline.sweep.study import UID, SweepError, counted, failures, open_study, pruner_of, sampler_of, storage_url
from pipeline.sweep.worker import Worker, too_many_failed
from pipeline.tasks import TrainingTask, training_code

Launch = Callable[[Callable[[Any], Any], Path, int], list[Any]]
RESTARTS = 20
"""How often workers are restarted after one of them was killed."""


def run_sweep(settings: dict[str, Any], arguments: Sequence[str], launch: Launch) -> None:
    """Run a sweep.

    Args:
        settings: The settings under `hydra.sweeper`.
        arguments: Overrides from the command line.
        launch: Runs a worker in each of several processes.

    Raises:
        PipelineError: The sweep cannot start, or too many trials failed.
    """
    plain = {key: _plain(value) for key, value in settings.items()}
    chosen = checked("hydra.sweeper", SweepSettings, plain)
    space, overrides = parse(chosen.params, [text for text in arguments if not _is_sweep_file(text)], chosen.when)
    _refuse_overrides(overrides)
    fixed = [text for text in overrides if not text.startswith("hydra")]
    config = composed(fixed, space.choices)
    check_space(space, config.tree, lambda choices: composed(fixed, choices).tree)
    task: TrainingTask = config.family.load("training")(config)
    words = " ".join(map(shlex.quote, with_choices(fixed, space.choices)))
    advice = (
        "These commands write params.yaml for this sweep and prepare its data; then start it again:\n"
        f"  python -m pipeline.compose {words}\n  dvc repro preprocess"
    )
    try:
        task.require_prepared(advice)
    except DataError as error:  # there are no prepared data
        raise SweepError(f"{error}\n{advice}") from error
    plan = _plan(chosen, space, overrides, config, task)
    sampler_of(plan, 0), pruner_of(plan)
    about = {"experiment": config.name, "overrides": list(plan.overrides), "metrics": list(plan.metrics)}
    study = open_study(plan, _identity(plan), about)
    mark = digest(
        [study.user_attrs[UID], code_digest(path for files in training_code(config.family).values() for path in files)]
    )[:8]
    plan = replace(plan, failed_before=len(failures(study)), mark=mark)

    # Imported late, so that invalid settings are reported before MLflow has loaded.
    from pipeline.sweep.report import finish
    from pipeline.tracking import FAILED, KILLED, SweepRecord, flush

    record = SweepRecord(config)
    parent = record.parent(plan.study)
    plan = replace(plan, parent=parent.id)
    try:
        parent.log_config(config)
        parent.log_text(OmegaConf.to_yaml(OmegaConf.create(plain)), "sweep.yaml")
        begin(plan, study, chosen.enqueue)
        _launch(plan, study, launch)
        finish(plan, study, record, parent, confirm=chosen.confirm, experiment=config.name)
    except (InterruptedRunError, KeyboardInterrupt, SystemExit):
        record.end(parent, KILLED)
        raise
    except Exception:
        record.end(parent, FAILED)
        raise
    finally:
        flush()


def begin(plan: Plan, study: Any, enqueue: Sequence[dict[str, Any]]) -> None:
    """Print an opening line, and queue the trials that a study tries first.

    Args:
        plan: The plan of the sweep.
        study: The study.
        enqueue: Settings of the trials that the user wants to try first.

    Raises:
        ConfigError: A key in `enqueue` is not an axis.
    """
    done = len(counted(study))
    axes = "axis" if len(plan.space.axes) == 1 else "axes"
    how = "starts:" if not done else "is complete:" if done >= plan.n_trials else f"resumes after {done} of"
    print(
        f"sweep {plan.study} {how} {plan.n_trials} trials, {plan.n_jobs} at a time; {len(plan.space.axes)} {axes}"
        + (", every point once" if plan.sampler["name"] == "grid" else ""),
        flush=True,
    )
    known = {axis.key for axis in plan.space.axes}
    faults = [
        f"hydra.sweeper.enqueue: {key}: not an axis{did_you_mean(key, known)}"
        for values in enqueue
        for key in values
        if key not in known
    ]
    if faults:
        raise ConfigError(faults)
    points = plan.space.grid(plan.tree)[: plan.n_trials] if plan.sampler["name"] == "grid" else []
    # At every start, because an earlier start may have been killed while it queued them.
    known_draws = {
        _canonical(t.params or t.system_attrs.get("fixed_params", {})) for t in study.get_trials(deepcopy=False)
    }
    for values in [{}, *enqueue, *points]:
        draws, outside = plan.space.draws(values, plan.tree)
        if outside:
            shown = "the config as it stands" if not values else f"the trial {values}"
            print(f"{shown} is not tried first: {'; '.join(outside)}", flush=True)
        elif _canonical(draws) not in known_draws:
            known_draws.add(_canonical(draws))
            study.enqueue_trial(draws)


def _canonical(draws: dict[str, Any]) -> str:
    return json.dumps(draws, sort_keys=True)


def _launch(plan: Plan, study: Any, launch: Launch) -> None:
    """Run workers until the study is full. If one is killed, joblib ends all of them, and they are restarted."""
    began = time.monotonic()
    for _ in range(RESTARTS):
        remaining = None if plan.timeout is None else plan.timeout - (time.monotonic() - began)
        if remaining is not None and remaining <= 0:
            return
        try:
            launch(Worker(replace(plan, timeout=remaining)), plan.folder, plan.n_jobs)
        except InterruptedRunError:
            raise
        except Exception as error:
            if not _is_death(error):
                raise
            print(f"a worker was killed ({str(error).splitlines()[0]}); restarting the workers", flush=True)
            continue
        if too_many_failed(plan, study):
            raise SweepError(
                f"sweep {plan.study} stopped: more than {plan.max_failure_rate:.0%} of {plan.n_trials} trials failed "
                "(hydra.sweeper.max_failure_rate); `make ui` shows their tracebacks. Rerun the same command to resume."
            )
        return
    raise SweepError(
        f"sweep {plan.study} stopped: workers were killed {RESTARTS} times; if memory ran out, reduce "
        "hydra.sweeper.n_jobs"
    )


def _is_death(error: Exception) -> bool:
    return type(error).__name__ in ("TerminatedWorkerError", "BrokenProcessPool")


def _plan(chosen: SweepSettings, space: Space, overrides: Sequence[str], config: Config, task: TrainingTask) -> Plan:
    metrics = [f"val/{task.monitor}" if name == "auto" else name for name in chosen.metrics]
    legal = [*(f"val/{name}" for name in task.schema.monitors), "train/loss", *COSTS]
    if unknown := [name for name in metrics if name not in legal]:
        raise ConfigError(
            [f"hydra.sweeper.metric: unknown metric {name!r}{did_you_mean(name, legal)}" for name in unknown]
        )
    given = chosen.directions if chosen.direction != "auto" else ["auto"] * len(metrics)
    directions = [_direction(name, config) if way == "auto" else way for name, way in zip(metrics, given, strict=True)]
    n_trials, sampler = chosen.n_trials, chosen.sampler
    size = space.size(config.tree)
    if size is not None and size <= n_trials:
        # Every point is tried once: a sampler would draw some of them twice and others never.
        n_trials, sampler = size, {"name": "grid"}
    elif sampler.get("name") == "grid":
        n_trials = min(n_trials, len(space.grid(config.tree)))
    plan = Plan(
        study="",
        storage=storage_url(chosen.storage),
        space=space,
        overrides=[text for text in overrides if not text.startswith("hydra")],
        tree=config.tree,
        references=config.references,
        metrics=metrics,
        directions=directions,
        n_trials=n_trials,
        n_jobs=chosen.n_jobs,
        timeout=chosen.timeout,
        trial_seconds=chosen.trial_seconds,
        max_failure_rate=chosen.max_failure_rate,
        sampler=sampler,
        pruner=chosen.pruner,
    )
    return replace(plan, study=chosen.study_name or f"{config.name}-{digest(_identity(plan))[:8]}")


def _identity(plan: Plan) -> dict[str, Any]:
    """Return the settings that make trials comparable; not the sampler, the pruner or the number of trials."""
    # Without the test split, which a sweep never uses.
    data = [folder_digest(PROCESSED / split) for split in ("train", "val")]
    fixed = {key: value for key, value in plan.tree.items() if key not in ("evaluate", "export", "tracking")}
    return {
        "space": plan.space.describe(),
        "trial_seconds": plan.trial_seconds,
        "config": digest(fixed),
        "data": digest(data),
        "metrics": list(plan.metrics),
        "directions": list(plan.directions),
    }


def _direction(metric: str, config: Config) -> str:
    """Return the direction of a metric: that of a validation score, or down for losses and costs."""
    return "maximize" if config.family.monitors.get(metric.removeprefix("val/")) else "minimize"


def _refuse_overrides(overrides: Sequence[str]) -> None:
    faults = [f"{text}: a sweep cannot delete a key; set a value instead" for text in overrides if text.startswith("~")]
    faults += [
        f"{text}: a sweep keeps the name of its experiment; remove this override"
        for text in overrides
        if text.startswith("name=")
    ]
    if faults:
        raise ConfigError(faults)


def _is_sweep_file(text: str) -> bool:
    return text.lstrip("+").startswith("sweep=")


def _plain(value: Any) -> Any:
    return OmegaConf.to_container(value, resolve=True) if OmegaConf.is_config(value) else value
