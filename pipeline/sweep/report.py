"""The report of a sweep: best trials and their cost, importances, plots, and whether the gain is significant."""

import math
import shutil
import warnings
from collections import Counter
from collections.abc import Iterator
from functools import partial
from statistics import mean, stdev
from typing import TYPE_CHECKING, Any

import optuna
from optuna.study import Study
from optuna.trial import FrozenTrial, TrialState

from pipeline.config import format_score
from pipeline.storage import csv_text
from pipeline.sweep.plan import Plan
from pipeline.sweep.space import shown_settings
from pipeline.sweep.study import ENDED, FAILED
from pipeline.sweep.training import trained
from pipeline.sweep.worker import load_training
from pipeline.tracking import CONFIRMATION, FINISHED, Run, SweepRecord

if TYPE_CHECKING:
    from pipeline.training import EpochRecord

SHOWN = 5
PLOTS = ("optimization_history", "param_importances", "parallel_coordinate", "slice", "intermediate_values")


def finish(plan: Plan, study: Study, record: SweepRecord, parent: Run, *, confirm: int, experiment: str) -> None:
    """Print and record the results of a sweep, and end its run.

    Args:
        plan: The plan of the sweep.
        study: The study.
        record: The MLflow runs of the sweep.
        parent: The MLflow run of the sweep itself.
        confirm: Number of seeds with which the best trial and the config as it stands are repeated; 0 for none.
        experiment: Name of the experiment.
    """
    lines = summary(plan, study)
    print("\n" + "\n".join(lines), flush=True)
    parent.log_text(table(plan, study), "trials.csv")
    draw(plan, study, parent)
    printed = len(lines)
    if confirm and study_best(study):
        lines += confirmed(plan, study, record, confirm)
    name = f"{experiment}_tuned"
    lines += [
        f"  make dashboard   shows the study in optuna-dashboard; make ui   shows its runs, under run {plan.parent}",
        f"  python -m pipeline.promote {plan.study} {name}   writes the best trial as conf/experiment/{name}.yaml, "
        f"then: dvc exp run -S experiment={name}",
    ]
    print("\n".join(lines[printed:]), flush=True)
    parent.log_text("\n".join(lines), "sweep.txt")
    record.end(parent, FINISHED)


def study_best(study: Study) -> list[FrozenTrial]:
    """Return the finished trials, the best first; with several metrics, only those on the Pareto front."""
    done = study_done(study)
    return study.best_trials if done and len(study.directions) > 1 else done


def study_done(study: Study) -> list[FrozenTrial]:
    """Return the finished trials; if there is one metric, the best first."""
    done = [trial for trial in study.get_trials(deepcopy=False) if trial.state == TrialState.COMPLETE]
    if len(study.directions) > 1:
        return done
    sign = -1 if study.direction == optuna.study.StudyDirection.MAXIMIZE else 1
    return sorted(done, key=lambda trial: (sign * float(trial.value or 0), trial.number))


def summary(plan: Plan, study: Study) -> list[str]:
    """Return lines on the number of trials by state, the best trials and their cost, and the importance of the axes."""
    states = Counter(state_of(trial) for trial in study.get_trials(deepcopy=False))
    lines = [f"sweep {plan.study}: {', '.join(f'{count} {state}' for state, count in states.items())}"]
    for trial in study_best(study)[:SHOWN]:
        values = ", ".join(
            f"{name} {format_score(value)}" for name, value in zip(plan.metrics, trial.values, strict=True)
        )
        cost = trial.user_attrs.get("cost", {})
        spent = f"{cost.get('seconds', 0):.0f} s, {cost.get('parameters', 0):,} parameters"
        lines.append(f"  trial {trial.number}: {values}; {spent}; {shown_settings(trial.params)}")
    if importances := _importances(study):
        lines.append("  importances: " + ", ".join(f"{key} {share:.0%}" for key, share in importances.items()))
    return lines


def state_of(trial: FrozenTrial) -> str:
    """Return the state of a trial; crashes and kills are distinct."""
    if trial.state == TrialState.FAIL:
        return str(trial.user_attrs.get(ENDED, FAILED))
    return {TrialState.COMPLETE: "complete", TrialState.PRUNED: "pruned", TrialState.RUNNING: "running"}.get(
        trial.state, "waiting"
    )


def table(plan: Plan, study: Study) -> str:
    """Return all trials as CSV."""
    axes = [axis.key for axis in plan.space.axes]
    rows = []
    for trial in study.get_trials(deepcopy=False):
        values = trial.values if trial.values and trial.state == TrialState.COMPLETE else [""] * len(plan.metrics)
        spent = trial.duration.total_seconds() if trial.duration else ""
        settings = [trial.params.get(key, "") for key in axes]
        reported = len(trial.intermediate_values)
        rows.append(
            [trial.number, state_of(trial), *values, *settings, reported, spent, trial.user_attrs.get("mlflow_run", "")]
        )
    header = ["trial", "state", *plan.metrics, *axes, "steps_reported", "seconds", "mlflow_run"]
    return csv_text(header, rows)


def draw(plan: Plan, study: Study, parent: Run) -> None:
    """Record Optuna's plots, as one interactive page and as images."""
    pages: list[str] = []
    for name, page, picture in _plots(plan, study):
        pages.append(page.to_html(full_html=False, include_plotlyjs=not pages))
        picture.set_size_inches(9, 5)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # long names of axes leave too little room for the layout
            parent.log_figure(picture, f"plots/{name}.png")
    if pages:
        body = "\n".join(pages)
        parent.log_page(f"<!doctype html><meta charset='utf-8'><title>{plan.study}</title>\n{body}", "sweep.html")


def confirmed(plan: Plan, study: Study, record: SweepRecord, seeds: int) -> list[str]:
    """Repeat the best trial and the config as it stands with the same seeds; return lines on the gain."""
    load_training()
    best = study_best(study)[0]
    values = {axis.key: axis.value(best.params[axis.key]) for axis in plan.space.axes if axis.key in best.params}
    scores: dict[str, list[float]] = {"as it stands": [], f"trial {best.number}": []}
    # The seeds differ from that of the search: with the same seed, the score by which the best trial was selected would
    # be measured again.
    for seed in range(plan.tree["seed"] + 1, plan.tree["seed"] + seeds + 1):
        for label, changes in zip(scores, ({}, values), strict=True):
            run = record.child(plan.parent, f"confirm {label}, seed {seed}", {CONFIRMATION: label})
            config = plan.config({**changes, "seed": seed})
            run.log_config(config)
            folder = plan.folder / f"confirm-{label.replace(' ', '-')}-{seed}-{plan.mark}"
            outcome = trained(config, folder, partial(_log_epoch, run), plan.trial_seconds)
            record.end(run, FINISHED)
            shutil.rmtree(folder / "checkpoints", ignore_errors=True)
            scores[label].append(outcome.values(plan.metrics)[0])
    (_, old), (label, new) = scores.items()
    gains = [b - a for a, b in zip(old, new, strict=True)]
    lines = [
        f"  {name}: {plan.metrics[0]} {format_score(mean(values))} over {seeds} seeds"
        for name, values in scores.items()
    ]
    if seeds > 1:
        from scipy.stats import t

        width = t.ppf(0.975, seeds - 1) * stdev(gains) / math.sqrt(seeds)
        better = mean(gains) if plan.directions[0] == "maximize" else -mean(gains)
        verdict = "real" if better > width else "worse" if better < -width else "no more than chance"
        ends = f"{mean(gains) - width:+.4f} … {mean(gains) + width:+.4f}"
        lines.append(f"  gain of {label}: {mean(gains):+.4f} (95% interval {ends}): {verdict}")
    return lines


def _log_epoch(run: Run, record: "EpochRecord") -> None:
    run.log_epoch(record.scores, record.epoch, record.timestamp)


def _importances(study: Study) -> dict[str, float]:
    done = [t for t in study.get_trials(deepcopy=False) if t.state == TrialState.COMPLETE]
    if len(study.directions) > 1 or len(done) < 4 or len({trial.value for trial in done}) < 2:
        return {}
    try:
        return dict(optuna.importance.get_param_importances(study))
    except ValueError:  # no axis is common to all trials, or none varies
        return {}


def _plots(plan: Plan, study: Study) -> Iterator[tuple[str, Any, Any]]:
    import optuna.visualization as pages
    import optuna.visualization.matplotlib as pictures
    from matplotlib import pyplot

    pyplot.switch_backend("Agg")
    if len(study.directions) > 1 or not study_best(study):
        return
    names = [name for name in PLOTS if name != "param_importances" or _importances(study)]
    if plan.pruner["name"] == "none" and not any(t.intermediate_values for t in study.get_trials(deepcopy=False)):
        names.remove("intermediate_values")
    for name in names:
        with warnings.catch_warnings():
            # Optuna's matplotlib plots are experimental, and warn if labels or axes are missing.
            warnings.simplefilter("ignore")
            # The axis of the scores is named after the metric, not "Objective Value".
            named = {} if name == "intermediate_values" else {"target_name": plan.metrics[0]}
            page, axes = (getattr(module, f"plot_{name}")(study, **named) for module in (pages, pictures))
            if name == "intermediate_values":
                page.update_layout(yaxis_title=plan.metrics[0])
        first = axes.flat[0] if hasattr(axes, "flat") else axes
        yield name, page, first.figure
        pyplot.close("all")
