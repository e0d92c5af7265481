"""Log an evaluation to its MLflow run."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pipeline.config import Config, format_score, in_markdown
from pipeline.storage import AUDIT, METRICS, MODELS, PREDICTIONS
from pipeline.tracking.description import dvc_tags, footer
from pipeline.tracking.registry import model_name
from pipeline.tracking.run import EVALUATED_WITH, Run
from pipeline.tracking.tags import DESCRIPTION, FAMILY, HEADLINE

RIVALS, FINAL = "test_baseline", "val_final"
"""Prefixes of metrics: the headline of a simpler model by its name; the scores of the network that was kept on the
validation examples, whose scores after each epoch are `val/SCORE`."""


def record_evaluation(
    run: Run,
    config: Config,
    headline: str,
    scores: Mapping[str, Any],
    *,
    lacks_training: bool,
    files: Mapping[Path, str],
    card: str,
    notes: Sequence[str],
) -> None:
    """Log the main score of each split and of each simpler model; all other scores go into metrics.json.

    Args:
        run: The run of the evaluation.
        config: The configuration.
        headline: The name of the main score.
        scores: The content of metrics.json.
        lacks_training: Whether the run is not that of the training, and also needs its settings, data and history.
        files: Files to log, each with its name in the record.
        card: The card of the model, with which it is registered.
        notes: Warnings and advice, one sentence or more each, in plain text.
    """
    if lacks_training:
        run.log_config(config)
        run.log_provenance()
        run.log_datasets(config.name)
        run.log_text((MODELS / "history.csv").read_text(encoding="utf-8"), "history.csv")
        run.tags({FAMILY: config.task, HEADLINE: headline, **dvc_tags()})
    test, rivals = scores["test"], scores.get("baseline", {})
    shown = {f"test/{name}": test[name] for name in (headline, f"{headline}_low", f"{headline}_high") if name in test}
    shown[f"{FINAL}/{headline}"] = scores["val"][headline]
    run.log_scores(shown, of_model=not lacks_training)
    run.log_scores({f"{RIVALS}/{model}": values[headline] for model, values in rivals.items()})
    for path, name in files.items():
        run.log_file(path, name)
    run.log_text(json.dumps(scores, indent=2), METRICS.name)
    run.log_text(json.dumps(config.recorded["evaluate"], indent=2), EVALUATED_WITH)
    run.log_files(PREDICTIONS)
    audit = AUDIT.with_suffix(".md")
    if audit.is_file():
        run.log_text(audit.read_text(encoding="utf-8"), Path(audit).name)
    if not lacks_training:
        run.register(model_name(config.name), card, {f"test_{headline}": f"{test[headline]:.6g}", FAMILY: config.task})
    run.tags({DESCRIPTION: describe(config, headline, scores, notes) + footer(config, run.id)})


def describe(config: Config, headline: str, scores: Mapping[str, Any], notes: Sequence[str]) -> str:
    """Return the description of an evaluated run as Markdown: its score, the simpler models' and the notes."""
    test = scores["test"]
    ends = ""
    if f"{headline}_low" in test:
        low, high = format_score(test[f"{headline}_low"]), format_score(test[f"{headline}_high"])
        ends = f" ({config.evaluate.confidence:.0%} interval {low} to {high})"
    name = headline.replace("_", " ")
    lines = [f"**test {name} {format_score(test[headline])}**{ends}", ""]
    if rivals := scores.get("baseline", {}):
        lines += [
            f"| on the same test examples | {name} |",
            "|---|---|",
            f"| this network | {format_score(test[headline])} |",
        ]
        lines += [f"| {in_markdown(model)} | {format_score(values[headline])} |" for model, values in rivals.items()]
        lines.append("")
    lines += [f"- {in_markdown(note)}" for note in notes]
    return "\n".join([*lines, "", ""])
