"""Score the trained network on the held-out splits, with intervals and plots."""

import shlex
from typing import TYPE_CHECKING

from pipeline.config import Config, changes, command, format_score
from pipeline.storage import (
    CARD,
    CURVES,
    METRICS,
    MODELS,
    PLOTS,
    PREDICTIONS,
    PROCESSED,
    SCORES,
    TEST_SCORES,
    code_digest,
    code_files,
    digest,
    folder_digest,
    new_folder,
    write_bytes,
    write_json,
    write_text,
)
from pipeline.tasks import EvaluationTask, require_trained_model
from pipeline.tasks.card import model_card
from pipeline.tasks.report import Report
from pipeline.tasks.rivals import Baseline, read_baseline
from pipeline.tasks.training import NOT_DECISIVE

if TYPE_CHECKING:
    from pipeline.tracking import Run

WORST = PREDICTIONS / "worst.csv"


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
    report = Report(task, evaluation, baseline)
    write(report)
    with evaluation_run(config, identity(config, baseline)) as (run, lacks_training):
        record(run, report, lacks_training)
        print(summary(report, run), flush=True)


def identity(config: Config, baseline: Baseline) -> str:
    """Return a hash of everything that the evaluation depends on."""
    settings = [config.tree["evaluate"], baseline]
    family = config.family
    # The network's layers are loaded by name, with the code of the training.
    modules = family.module("evaluation"), family.module("training")
    code = code_digest(code_files(*modules, leave_out=NOT_DECISIVE).values())
    return digest([settings, folder_digest(MODELS), folder_digest(PROCESSED), code])[:16]


def write(report: Report) -> None:
    """Write the scores, tables, pictures, predictions and the card of the model."""
    import pyarrow.parquet as pq

    evaluation = report.evaluation
    with new_folder(CURVES) as scratch:
        for name, text in report.tables():
            write_text(scratch / f"{name}.csv", text)
    with new_folder(PLOTS) as scratch:
        for name, figure in report.pictures():
            figure.savefig(scratch / f"{name}.png", dpi=100)
    with new_folder(PREDICTIONS) as scratch:
        for split, table in evaluation.predictions.items():
            pq.write_table(table, scratch / f"{split}.parquet")
        if worst := report.worst():
            write_text(scratch / WORST.name, worst)
        write_bytes(scratch / TEST_SCORES.name, report.test_scores().to_bytes())
        if evaluation.write_extras:
            print(f"evaluate: {evaluation.write_extras(scratch)}", flush=True)
    write_json(METRICS, report.scores())
    write_json(SCORES, report.main_scores())
    write_text(CARD, model_card(report))


def record(run: "Run", report: Report, lacks_training: bool) -> None:
    """Log the evaluation to its MLflow run."""
    from pipeline.tracking import record_evaluation

    files = {CARD: CARD.name, TEST_SCORES: TEST_SCORES.name}
    files |= {path: f"curves/{path.name}" for path in sorted(CURVES.iterdir())}
    files |= {path: f"plots/{path.name}" for path in sorted(PLOTS.iterdir())}
    if WORST.is_file():
        files[WORST] = WORST.name
    record_evaluation(
        run,
        report.task.config,
        report.task.headline,
        report.scores(),
        lacks_training=lacks_training,
        files=files,
        card=CARD.read_text(encoding="utf-8"),
        notes=report.remarks,
    )


def summary(report: Report, run: "Run") -> str:
    """Return the closing summary: scores, baselines, remarks, and what to look at next."""
    task, config = report.task, report.task.config
    scores = report.evaluation.scores["test"].values
    others = ", ".join(f"{name} {format_score(value)}" for name, value in scores.items() if name != task.headline)
    rivals = ", ".join(f"{model} {format_score(values[task.headline])}" for model, values in report.baseline.items())
    baselines = f"  the same split, simpler models: {task.headline} {rivals}\n" if rivals else ""
    longer = ""
    if (changed := changes(config)) is not None:
        overrides = {**changed, "train.epochs": 2 * config.train.epochs}
        words = " ".join(f"-S {shlex.quote(f'{key}={value}')}" for key, value in overrides.items())
        longer = f"\n  dvc exp run -S experiment={config.name} {words}   train longer"
    notes = "".join(f"  {remark}\n" for remark in report.remarks)
    return (
        f"\n{config.name}: test {report.headline}; {others}\n{baselines}{notes}"
        f"  {METRICS}, {PLOTS}   scores and curves (`make experiments`, `dvc plots show`)\n"
        f"  {CARD}   the card of the model; {WORST}   the largest errors\n"
        f"  make ui   the MLflow record, run {run.id}{longer}"
    )


if __name__ == "__main__":
    main()
