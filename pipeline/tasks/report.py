"""What an evaluation says: its scores, tables, pictures and remarks."""

import json
import math
from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

from pipeline.config import format_score
from pipeline.storage import AUDIT, PROCESSED, csv_text, digest, folder_digest
from pipeline.tasks.evaluation import Evaluation, EvaluationTask
from pipeline.tasks.rivals import Baseline, better_model, better_together

if TYPE_CHECKING:
    from pipeline.metrics import Importance, Slice, TestScores
    from pipeline.metrics.figure import Figure

SHOWN = 5
"""Number of important columns, and of slices, in the remarks."""


class Report:
    """The results of an evaluation, for files, MLflow and the terminal.

    Args:
        task: The evaluation of the experiment.
        evaluation: Its result.
        baseline: The scores of simpler models on the same test examples.
    """

    def __init__(self, task: EvaluationTask, evaluation: Evaluation, baseline: Baseline) -> None:
        self.task, self.evaluation, self.baseline = task, evaluation, baseline

    @property
    def headline(self) -> str:
        """The main score on the test examples, with its interval."""
        scores, name = self.evaluation.scores["test"].flat(), self.task.headline
        low, high = format_score(scores[f"{name}_low"]), format_score(scores[f"{name}_high"])
        confidence = self.task.config.evaluate.confidence
        return f"{name} {format_score(scores[name])} ({confidence:.0%} interval {low} … {high})"

    def scores(self) -> dict[str, Any]:
        """Return all scores: those of each split, and of the simpler models."""
        scores = {split: scores.flat() for split, scores in self.evaluation.scores.items()}
        return {**scores, "baseline": self.baseline} if self.baseline else scores

    def main_scores(self) -> dict[str, float]:
        """Return the few scores that `dvc metrics show` and `dvc exp show` list.

        They have short names that do not depend on the family, because each name is a column of DVC's tables.
        """
        name = self.task.headline
        test, val = (self.evaluation.scores[split].flat() for split in ("test", "val"))
        scores = {"test": test[name]}
        scores |= {end: test[f"{name}_{end}"] for end in ("low", "high") if f"{name}_{end}" in test}
        scores["val"] = val[name]
        if self.baseline:
            best = max if self.task.config.family.monitors[name] else min
            scores["baseline"] = best(values[name] for values in self.baseline.values())
        return scores

    def test_scores(self) -> "TestScores":
        """Return the test scores in the form in which they can be compared with those of another network."""
        from pipeline.metrics import TestScores

        task, evaluation = self.task, self.evaluation
        scores = evaluation.scores["test"]
        if evaluation.identity:
            examples = digest(evaluation.predictions["test"].select(list(evaluation.identity)).to_pydict())
        else:
            examples = folder_digest(PROCESSED / "test")
        return TestScores(
            examples,
            scores.examples,
            scores.groups,
            task.headline,
            task.config.family.monitors[task.headline],
            scores.values,
            scores.samples,
            evaluation.slices,
        )

    def tables(self) -> Iterator[tuple[str, str]]:
        """Yield the name and the content of each CSV file."""
        from pipeline.metrics.slices import HEADER

        evaluation = self.evaluation
        for name, curve in evaluation.curves.items():
            yield name, csv_text(curve, zip(*curve.values(), strict=True))
        if evaluation.importances:
            yield "importance", importance_table(evaluation.importances)
        if evaluation.slices:
            rows = ([_bounded(value) for value in each.row] for each in evaluation.slices)
            yield "slices", csv_text([self.task.headline if name == "score" else name for name in HEADER], rows)
        if evaluation.confusion:
            names, counts = evaluation.confusion
            pairs = ((actual, taken) for actual in range(len(names)) for taken in range(len(names)))
            cells = ((names[actual], names[taken], int(counts[actual, taken])) for actual, taken in pairs)
            yield "confusion", csv_text(["actual", "predicted", "examples"], cells)

    def pictures(self) -> "Iterator[tuple[str, Figure]]":
        """Yield the name and the figure of each picture."""
        from pipeline.metrics import plots

        evaluation, name = self.evaluation, self.task.config.name
        if evaluation.curves:
            title = f"{name}: test {self.headline}"
            yield "overview", plots.overview(title, evaluation.curves, evaluation.diagonals)
        if evaluation.importances:
            yield "importance", plots.importance(importance_title(self.task), evaluation.importances)
        if evaluation.slices:
            whole = evaluation.scores["test"].values[self.task.headline]
            yield "slices", plots.slices(f"{name}: test {self.task.headline} by slice", evaluation.slices, whole)
        if evaluation.confusion:
            yield "confusion", plots.confusion(f"{name}: test examples", *evaluation.confusion)

    def worst(self) -> str:
        """Return the test examples with the largest errors as CSV; empty if the family does not name them."""
        table = self.evaluation.worst
        if table is None:
            return ""
        columns = [column.to_pylist() for column in table.columns]
        rows = ([_bounded(value) for value in row] for row in zip(*columns, strict=True))
        return csv_text(table.column_names, rows)

    @cached_property
    def remarks(self) -> list[str]:
        """What the evaluation found beside the scores: notes, important columns, weak slices, warnings, advice."""
        evaluation, headline = self.evaluation, self.task.headline
        lines = [f"{name.replace('_', ' ')}: {text}" for name, text in evaluation.notes.items()]
        if important := most_important(evaluation.importances):
            lines.append(f"most important columns ({headline} worse by, when their values are shuffled): {important}")
        if weak := self._weak_slices():
            shown = ", ".join(
                f"{each.column}={each.name} {format_score(each.value)} ({each.examples:,} examples)" for each in weak
            )
            lines.append(
                f"{headline} is worse than in the other slices by the same column beyond chance, where: {shown}"
            )
        lines += [f"warning: {warning['subject']}: {warning['text']}" for warning in read_audit()]
        advice = better_model(self.task, evaluation), better_together(self.task, evaluation)
        return [*lines, *filter(None, advice)]

    def _weak_slices(self) -> "list[Slice]":
        """Return the slices that are worse than the mean of their column's, the interval ending before it.

        Not than all examples: within slices by an important column, most scores are lower, as what it says is the same.
        """
        higher = self.task.config.family.monitors[self.task.headline]
        scored = [each for each in self.evaluation.slices if math.isfinite(each.value)]
        means = {}
        for column in {each.column for each in scored}:
            parts = [each for each in scored if each.column == column]
            means[column] = sum(each.share * each.value for each in parts) / sum(each.share for each in parts)
        weak = [
            each for each in scored if (each.high < means[each.column] if higher else each.low > means[each.column])
        ]
        return sorted(weak, key=lambda each: each.value if higher else -each.value)[:SHOWN]


def read_audit() -> list[dict[str, str]]:
    """Return the warnings of preprocess, each with its kind, subject and text."""
    if not AUDIT.is_file():
        return []
    warnings: list[dict[str, str]] = json.loads(AUDIT.read_text(encoding="utf-8"))["warnings"]
    return warnings


def importance_table(importances: "Sequence[Importance]") -> str:
    """Return the content of importance.csv."""
    from pipeline.metrics.importance import HEADER

    return csv_text(HEADER, (each.row for each in importances))


def importance_title(task: EvaluationTask) -> str:
    """Return the title of the plot."""
    return f"{task.config.name}: importance of columns for {task.headline}, validation rows"


def most_important(importances: "Sequence[Importance]") -> str:
    """Return the most important columns with their importance, beyond chance; of related columns only the set."""
    shown: list[Importance] = []
    for each in importances:
        is_part = any({*each.columns} <= {*other.columns} for other in shown)
        if each.low > 0 and not is_part:
            shown.append(each)
    return ", ".join(f"{each.name} {format_score(each.value)}" for each in shown[:SHOWN])


def _bounded(value: Any) -> Any:
    """Return a cell of a table with at most six digits; empty for a missing number."""
    if not isinstance(value, float):
        return value
    return "" if math.isnan(value) else f"{value:.6g}"
