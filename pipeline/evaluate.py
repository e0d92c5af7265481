"""Score the trained network on the held-out splits, with intervals and plots."""

import json
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.config import Config, changes, command, format_score
from pipeline.storage import (
    AUDIT,
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
from pipeline.tasks.rivals import Baseline, better_model, better_together, read_baseline
from pipeline.tasks.training import NOT_DECISIVE

if TYPE_CHECKING:
    from pipeline.metrics import Importance
    from pipeline.tracking import Run

PLOTS = REPORTS / "plots"
SHOWN = 5
"""Number of important columns in the summary."""


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
    """Log the evaluation to its MLflow run."""
    from pipeline.metrics import plots
    from pipeline.tracking import record_evaluation

    figures = {
        f"plots/{name}.png": plots.line(name.replace("_", " "), curve, name in evaluation.diagonals)
        for name, curve in evaluation.curves.items()
    }
    texts = {}
    if evaluation.importances:
        figures["plots/importance.png"] = plots.importance(title_of_importances(task), evaluation.importances)
        texts["importance.csv"] = table_of_importances(evaluation.importances)
    record_evaluation(
        run,
        task.config,
        task.headline,
        merged(evaluation, baseline),
        lacks_training=lacks_training,
        figures=figures,
        texts=texts,
        notes=remarks(task, evaluation),
    )


def remarks(task: EvaluationTask, evaluation: Evaluation) -> list[str]:
    """Return what the evaluation found beside the scores: notes, important columns, warnings, advice."""
    lines = [f"{name.replace('_', ' ')}: {text}" for name, text in evaluation.notes.items()]
    if important := most_important(evaluation.importances):
        lines.append(f"most important columns ({task.headline} worse by, when their values are shuffled): {important}")
    lines += [f"warning: {warning['subject']}: {warning['text']}" for warning in read_audit()]
    return [*lines, *filter(None, (better_model(task, evaluation), better_together(task, evaluation)))]


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
    longer = ""
    if (changed := changes(config)) is not None:
        overrides = {**changed, "train.epochs": 2 * config.train.epochs}
        words = " ".join(f"-S {shlex.quote(f'{key}={value}')}" for key, value in overrides.items())
        longer = f"\n  dvc exp run -S experiment={config.name} {words}   train longer"
    notes = "".join(f"  {remark}\n" for remark in remarks(task, evaluation))
    return (
        f"\n{config.name}: test {headline(task, config, evaluation)}; {others}\n{baselines}{notes}"
        f"  {METRICS}, {PLOTS}   scores and curves (`dvc metrics show`, `dvc plots show`)\n"
        f"  make ui   the MLflow record, run {run.id}{longer}"
    )


if __name__ == "__main__":
    main()
