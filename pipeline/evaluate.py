"""Score the trained network on the held-out splits, with intervals and plots."""

import json
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from pipeline.baseline import ARRAYS, BASELINE, SAMPLES, VALIDATION
from pipeline.config import Config, changes, command, format_score
from pipeline.storage import (
    AUDIT,
    CONF,
    METRICS,
    MODELS,
    PREDICTIONS,
    PROCESSED,
    REPORTS,
    code_digest,
    code_files,
    csv_text,
    digest,
    folder_digest,
    new_folder,
    write_json,
)
from pipeline.tasks import Evaluation, EvaluationTask, require_trained_model
from pipeline.tasks.training import NOT_DECISIVE

if TYPE_CHECKING:
    import numpy.typing as npt

    from pipeline.metrics import Importance
    from pipeline.tracking import Run

PLOTS = REPORTS / "plots"
SHOWN = 5
"""Number of important columns in the summary."""
Baseline = dict[str, dict[str, float]]


@command
def main(config: Config) -> None:
    """Score the network, write and record the results, and print a summary."""
    task: EvaluationTask = config.family.load("evaluation")(config)
    task.require_prepared()
    require_trained_model(MODELS, config)

    from pipeline.tracking import RunReference, evaluation_run

    RunReference.load()  # a damaged one is better known before the scoring
    evaluation = task.evaluate(MODELS)
    baseline = read_baseline()
    write(task, config, evaluation, baseline)
    with evaluation_run(config, identity(config, baseline)) as (run, lacks_training):
        record(run, task, evaluation, baseline, lacks_training)
        print(summary(task, config, evaluation, baseline, run), flush=True)


def identity(config: Config, baseline: Baseline) -> str:
    """Return a hash of everything that the evaluation depends on."""
    settings = [config.tree["evaluate"], baseline]
    family = config.family
    # The network's layers are loaded by name, with the code of the training.
    modules = family.module("evaluation"), family.module("training")
    code = code_digest(code_files(*modules, leave_out=NOT_DECISIVE).values())
    return digest([settings, folder_digest(MODELS), folder_digest(PROCESSED), code])[:16]


def read_baseline() -> Baseline:
    """Return the scores of the baseline stage; empty if it has not run."""
    if not BASELINE.is_file():
        return {}
    baseline: Baseline = json.loads(BASELINE.read_text(encoding="utf-8"))
    return baseline


def better_model(task: EvaluationTask, config: Config, evaluation: Evaluation) -> str:
    """Return a line on the best simpler model if it is better than the network by more than chance; else nothing.

    Both are scored on the same bootstrap samples of the test rows, and the differences are compared.
    """
    from pipeline.metrics import interval

    network = evaluation.scores["test"].samples.get(task.headline)
    if network is None:
        return ""
    sign = 1 if config.family.monitors[task.headline] else -1
    gains = {
        name: sign * (samples - network)
        for name, samples in baseline_arrays(SAMPLES).items()
        if samples.shape == network.shape
    }
    # Of several models the best is named: each interval is wider, so that they hold together (Bonferroni).
    confidence = 1 - (1 - config.evaluate.confidence) / max(len(gains), 1)
    better = {name: gain for name, gain in gains.items() if interval(gain, confidence)[0] > 0}
    if not better:
        return ""
    name = max(better, key=lambda each: float(np.nanmean(better[each])))
    gain, ends = float(np.nanmean(better[name])), interval(better[name], confidence)
    low, high = map(format_score, ends)
    tries = [f"dvc exp run -S experiment={config.name} -S {setting}" for setting in task.suggestions()[:2]]
    if (CONF / "sweep" / f"{config.task}.yaml").is_file():
        tries.append(f"python -m pipeline.train --multirun +sweep={config.task} experiment={config.name}")
    advice = f"; try {' or '.join(f'`{each}`' for each in tries)}" if tries else ""
    return f"\n  {name} is better than this network: {task.headline} by {format_score(gain)} ({low} to {high}){advice}"


def baseline_arrays(prefix: str) -> "dict[str, npt.NDArray[Any]]":
    """Return the arrays of each model of the baseline stage, of the kind `SAMPLES` or `VALIDATION`."""
    if not ARRAYS.is_file():
        return {}
    with np.load(ARRAYS, allow_pickle=False) as archive:
        return {name.removeprefix(prefix): archive[name] for name in archive.files if name.startswith(prefix)}


def better_together(task: EvaluationTask, config: Config, evaluation: Evaluation) -> str:
    """Return a line on the mean of the network's and a simpler model's outputs if it is better than both, or nothing.

    All three are scored on the validation rows, on the same bootstrap samples; the mean has to be better than each by
    more than chance. Neither model was fitted to these rows, but both stopped by them. The test rows decide nothing.
    """
    from pipeline.metrics import interval

    outputs, score = evaluation.validation_outputs, evaluation.score_validation
    if outputs is None or score is None:
        return ""
    sign, network = 1 if config.family.monitors[task.headline] else -1, evaluation.scores["val"]
    for name, others in baseline_arrays(VALIDATION).items():
        if others.shape != outputs.shape:
            continue  # made from other data
        mean, other = score((outputs + others) / 2), score(others)
        gains = [sign * (mean.samples[task.headline] - each.samples[task.headline]) for each in (other, network)]
        # Better than both: each interval holds by itself, so no correction is needed.
        if all(interval(gain, config.evaluate.confidence)[0] > 0 for gain in gains):
            values = [format_score(each.values[task.headline]) for each in (mean, other, network)]
            return (
                f"\n  the mean of this network's outputs and {name}'s would be better than either: on the validation "
                f"rows, {task.headline} {values[0]}; {name} {values[1]}, this network {values[2]}"
            )
    return ""


def read_audit() -> list[dict[str, str]]:
    """Return the warnings of preprocess, each with its kind, subject and text."""
    if not AUDIT.is_file():
        return []
    warnings: list[dict[str, str]] = json.loads(AUDIT.read_text(encoding="utf-8"))["warnings"]
    return warnings


def write(task: EvaluationTask, config: Config, evaluation: Evaluation, baseline: Baseline) -> None:
    """Write metrics.json, a CSV file per curve, an image of all curves and a Parquet file of predictions per split."""
    import pyarrow.parquet as pq

    from pipeline.metrics import plots

    with new_folder(PLOTS) as scratch:
        for name, curve in evaluation.curves.items():
            text = csv_text(curve, zip(*curve.values(), strict=True))
            (scratch / f"{name}.csv").write_text(text, encoding="utf-8", newline="")
        if evaluation.curves:
            title = f"{config.name}: test {headline(task, config, evaluation)}"
            plots.overview(title, evaluation.curves, evaluation.diagonals).savefig(scratch / "overview.png", dpi=100)
        if evaluation.importances:
            write_importances(evaluation.importances, title_of_importances(task), scratch)
    with new_folder(PREDICTIONS) as scratch:
        for split, table in evaluation.predictions.items():
            pq.write_table(table, scratch / f"{split}.parquet")
        if evaluation.write_extras:
            print(f"evaluate: {evaluation.write_extras(scratch)}", flush=True)
    write_json(METRICS, merged(evaluation, baseline))


def write_importances(importances: "Sequence[Importance]", title: str, folder: Path) -> None:
    """Write importance.csv and importance.png."""
    from pipeline.metrics import plots

    (folder / "importance.csv").write_text(table_of_importances(importances), encoding="utf-8", newline="")
    plots.importance(title, importances).savefig(folder / "importance.png", dpi=100)


def table_of_importances(importances: "Sequence[Importance]") -> str:
    """Return the content of importance.csv."""
    from pipeline.metrics.importance import HEADER

    return csv_text(HEADER, (each.row for each in importances))


def most_important(importances: "Sequence[Importance]") -> str:
    """Return the most important columns with their importance, beyond chance; of related columns only the set."""
    shown: list[Importance] = []
    for each in importances:
        is_part = any({*each.columns} <= {*other.columns} for other in shown)
        if each.low > 0 and not is_part:
            shown.append(each)
    return ", ".join(f"{each.name} {format_score(each.value)}" for each in shown[:SHOWN])


def title_of_importances(task: EvaluationTask) -> str:
    """Return the title of the plot."""
    return f"{task.config.name}: importance of columns for {task.headline}, validation rows"


def merged(evaluation: Evaluation, baseline: Baseline) -> dict[str, Any]:
    """Return the scores by split, together with those of the baselines."""
    scores = {split: scores.flat() for split, scores in evaluation.scores.items()}
    return {**scores, "baseline": baseline} if baseline else scores


def record(run: "Run", task: EvaluationTask, evaluation: Evaluation, baseline: Baseline, lacks_training: bool) -> None:
    """Log the evaluation; a run without a training also gets the settings, data and history of the training."""
    from pipeline.metrics import plots
    from pipeline.tracking import EVALUATED_WITH

    config = task.config

    if lacks_training:
        run.log_config(config)
        run.log_provenance()
        run.log_datasets()
        run.log_text((MODELS / "history.csv").read_text(encoding="utf-8"), "history.csv")
    # The run already has the validation scores of each epoch; these are the scores of the network that was kept.
    for split, name in (("test", "test"), ("val", "val_final")):
        run.log_scores({f"{name}/{score}": value for score, value in evaluation.scores[split].flat().items()})
    for model, values in baseline.items():
        run.log_scores({f"baseline/{model}/{score}": value for score, value in values.items()})
    for name, curve in evaluation.curves.items():
        run.log_figure(plots.line(name.replace("_", " "), curve, name in evaluation.diagonals), f"plots/{name}.png")
    if evaluation.importances:
        figure = plots.importance(title_of_importances(task), evaluation.importances)
        run.log_figure(figure, "plots/importance.png")
        run.log_text(table_of_importances(evaluation.importances), "importance.csv")
    for name, text in evaluation.notes.items():
        run.tag(f"onehot.{name}", text)
    run.log_text(json.dumps(merged(evaluation, baseline), indent=2), METRICS.name)
    run.log_text(json.dumps(config.tree["evaluate"], indent=2), EVALUATED_WITH)
    run.log_files(PREDICTIONS)
    record_audit(run)


def record_audit(run: "Run") -> None:
    """Log the audit page, and a tag for each kind of warning with the subjects of these warnings."""
    if not AUDIT.is_file():
        return
    warnings = read_audit()
    run.log_text(AUDIT.with_suffix(".md").read_text(encoding="utf-8"), "audit.md")
    run.tag("onehot.audit.warnings", str(len(warnings)))
    for kind in {warning["kind"]: None for warning in warnings}:
        subjects = ", ".join(warning["subject"] for warning in warnings if warning["kind"] == kind)
        run.tag(f"onehot.audit.{kind}", subjects)


def headline(task: EvaluationTask, config: Config, evaluation: Evaluation) -> str:
    """Return the family's main score with its interval."""
    scores, name = evaluation.scores["test"].flat(), task.headline
    low, high = format_score(scores[f"{name}_low"]), format_score(scores[f"{name}_high"])
    return f"{name} {format_score(scores[name])} ({config.evaluate.confidence:.0%} interval {low} … {high})"


def summary(task: EvaluationTask, config: Config, evaluation: Evaluation, baseline: Baseline, run: "Run") -> str:
    """Return the closing summary: scores, baselines, warnings, and what to look at next."""
    scores = evaluation.scores["test"].values
    others = ", ".join(f"{name} {format_score(value)}" for name, value in scores.items() if name != task.headline)
    rivals = ", ".join(f"{model} {format_score(values[task.headline])}" for model, values in baseline.items())
    baselines = f"  the same split, simpler models: {task.headline} {rivals}\n" if rivals else ""
    warnings = "".join(f"  warning: {warning['subject']}: {warning['text']}\n" for warning in read_audit())
    longer = ""
    if (changed := changes(config)) is not None:
        overrides = {**changed, "train.epochs": 2 * config.train.epochs}
        words = " ".join(f"-S {shlex.quote(f'{key}={value}')}" for key, value in overrides.items())
        longer = f"\n  dvc exp run -S experiment={config.name} {words}   train longer"
    notes = "".join(f"  {name}: {text}\n" for name, text in evaluation.notes.items())
    if important := most_important(evaluation.importances):
        notes += f"  most important columns ({task.headline} worse by, when their values are shuffled): {important}\n"
    return (
        f"\n{config.name}: test {headline(task, config, evaluation)}; {others}\n{baselines}{notes}{warnings}"
        f"  {METRICS}, {PLOTS}   scores and curves (`dvc metrics show`, `dvc plots show`)\n"
        f"  make ui   the MLflow record, run {run.id}{longer}"
        + better_model(task, config, evaluation)
        + better_together(task, config, evaluation)
    )


if __name__ == "__main__":
    main()
