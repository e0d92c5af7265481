"""The report of the quality suite: a table of scores, mean ranks and their critical difference, and a plot of these."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

CONFIDENCE = 0.95
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Result:
    """The scores of all models on one table.

    Attributes:
        table: Name of the table.
        rows: Number of rows of all splits.
        headline: Name of the score; higher is better.
        values: Model → its score in each draw, shape (draws,).
        samples: Model → its score in each bootstrap sample of each draw's test rows, shape (draws, samples).
        seconds: Model → mean seconds of its training.
    """

    table: str
    rows: int
    headline: str
    values: Mapping[str, Floats]
    samples: Mapping[str, Floats]
    seconds: Mapping[str, float]

    def gain(self, ours: str, rival: str, comparisons: int = 1) -> tuple[float, float, float]:
        """Return by how much a model is better than another, and the interval, both of the mean over the draws.

        The bootstrap is paired: both models are scored on the same samples of the same rows. With several comparisons,
        the intervals hold together (Bonferroni).
        """
        tail = (1 - CONFIDENCE) / 2 / comparisons
        gains = (self.samples[ours] - self.samples[rival]).mean(axis=0)
        low, high = np.nanquantile(gains, [tail, 1 - tail])
        return float((self.values[ours] - self.values[rival]).mean()), float(low), float(high)


def mean_ranks(results: Sequence[Result], models: Sequence[str]) -> dict[str, float]:
    """Return the mean rank of each model over the tables, 1 for the best; ties share a rank."""
    from scipy.stats import rankdata

    scores = np.array([[result.values[model].mean() for model in models] for result in results])
    return dict(zip(models, rankdata(-scores, axis=1).mean(axis=0).tolist(), strict=True))


def critical_difference(models: int, tables: int) -> float:
    """Return the smallest difference of mean ranks that is beyond chance.

    Source: Demšar: Statistical Comparisons of Classifiers over Multiple Data Sets (2006), the test of Nemenyi.
    """
    from scipy.stats import studentized_range

    quantile = studentized_range.ppf(CONFIDENCE, models, np.inf) / np.sqrt(2)
    return float(quantile * np.sqrt(models * (models + 1) / (6 * tables)))


def report(results: Sequence[Result], models: Sequence[str], tuned: Sequence[str], machine: Mapping[str, str]) -> str:
    """Return the report in Markdown.

    Args:
        results: The scores by table.
        models: Names of the models; the first one is compared with the others.
        tuned: Names of the tables on whose validation rows the settings of the first model were chosen.
        machine: Description of the machine, and package versions.
    """
    ours, *rivals = models
    ranks, draws = mean_ranks(results, models), len(results[0].values[ours])
    difference = critical_difference(len(models), len(results))
    lines = [
        "# Quality on many tables",
        "",
        "Written by `python -m benchmarks.quality_suite --write`. Each table is trained as `python -m pipeline.new`"
        " proposes it from the rows that are not tested. The rivals have their defaults. They learn from the same"
        " training rows, stop early on the same validation rows (by AUC for two classes, the log loss for several, the"
        " squared error for amounts; Onehot by the score in the table) and predict the same test rows. With folds,"
        f" every model is the mean of one per fold. Scores are means over {draws} random"
        f" split{'s' if draws > 1 else ''}, one training each. The last column says by how much Onehot is better than"
        f" the rival with the best test score, with a paired bootstrap interval of {CONFIDENCE:.0%} over the test rows;"
        " it includes neither the choice of the split nor the seed. Seconds are those of training all folds; ours"
        " include the start of Python and TensorFlow, and checkpoints. On tables with an asterisk, the proposed"
        " settings were chosen by validation rows; the others had no part in it.",
        "",
        f"| table | rows | score | {' | '.join(models)} | better than the best rival by |",
        f"|---|---|---|{'---|' * len(models)}---|",
    ]
    for result in results:
        best = max(rivals, key=lambda model: float(result.values[model].mean()))
        gain, low, high = result.gain(ours, best)
        scores = " | ".join(f"{result.values[model].mean():.4f} ({result.seconds[model]:.0f} s)" for model in models)
        ahead = f"{gain:+.4f} ({low:+.4f} to {high:+.4f}) {best}"
        mark = " *" if result.table in tuned else ""
        lines.append(f"| {result.table}{mark} | {result.rows:,} | {result.headline} | {scores} | {ahead} |")
    others = [result for result in results if result.table not in tuned]
    of_others = mean_ranks(others, models) if others else {}
    lines += [
        "",
        "| model | mean rank | without the tables with an asterisk | Onehot better, beyond chance | worse |",
        "|---|---|---|---|---|",
    ]
    for model in sorted(models, key=lambda name: ranks[name]):
        gains = [result.gain(ours, model, len(results)) for result in results]
        better, worse = sum(low > 0 for _, low, _ in gains), sum(high < 0 for _, _, high in gains)
        against = "| |" if model == ours else f"{better} | {worse} |"
        lines.append(f"| {model} | {ranks[model]:.2f} | {of_others.get(model, float('nan')):.2f} | {against}")
    lines += [
        "",
        f"Mean ranks that differ by less than {difference:.2f} cannot be told apart (Nemenyi's test, {len(results)}"
        " tables). Beyond chance: the intervals of all tables hold together (Bonferroni).",
        "",
        "![Mean ranks](quality.svg)",
        "",
        f"Machine: {machine['machine']}; {machine['versions']}.",
        "",
    ]
    return "\n".join(lines)


def plot(results: Sequence[Result], models: Sequence[str], path: Path) -> None:
    """Draw the mean ranks and the critical difference."""
    from matplotlib.figure import Figure

    ranks = mean_ranks(results, models)
    ordered = sorted(models, key=lambda name: ranks[name])
    half = critical_difference(len(models), len(results)) / 2
    figure = Figure(figsize=(7, 1.2 + 0.4 * len(models)), layout="constrained")
    axes = figure.add_subplot(xlabel="mean rank; bars that overlap cannot be told apart")
    axes.errorbar(
        [ranks[name] for name in ordered], range(len(ordered)), xerr=half, fmt="o", color="#33536b", capsize=4
    )
    axes.set_yticks(range(len(ordered)), ordered)
    axes.invert_yaxis()
    axes.grid(axis="x", alpha=0.3)
    figure.savefig(path, metadata={"Date": None})
