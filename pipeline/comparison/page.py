"""A comparison as an HTML page without scripts: it opens anywhere, and MLflow shows it among the artifacts."""

import csv
import html
import io
from collections.abc import Iterator, Mapping, Sequence

from pipeline.comparison.compared import Comparison
from pipeline.comparison.text import letter, shown_difference, verdict
from pipeline.config import format_score
from pipeline.metrics.figure import Figure

STYLE = """body{font:15px/1.5 system-ui,sans-serif;max-width:70rem;margin:2rem auto;padding:0 1rem;color:#222}
table{border-collapse:collapse;margin:1rem 0}th,td{border-bottom:1px solid #ddd;padding:.25rem .75rem;text-align:left}
svg{max-width:100%;height:auto}.better{color:#176b2c}.worse{color:#a11a1a}"""


def page(comparison: Comparison) -> str:
    """Return the page: verdicts, scores, what differs, slices, and the curves of all runs over each other."""
    runs, reference = comparison.runs, comparison.reference
    title = f"{reference.experiment}: {' and '.join(letter(number) for number in range(len(runs)))}"
    parts = [f"<h1>{html.escape(title)}</h1>"]
    for number, each in enumerate(comparison.others, 1):
        kind = each.difference.verdict.split()[0]
        parts.append(f"<p class='{kind}'>{html.escape(verdict(comparison, number))}</p>")
    scores = [name for name in reference.scores.values if all(name in run.scores.values for run in runs)]
    rows = [["run", *(run.run_id for run in runs)], ["name", *(run.name for run in runs)]]
    rows += [[f"test {name}", *(format_score(run.scores.values[name]) for run in runs)] for name in scores]
    header = ["", *(letter(number) for number in range(len(runs)))]
    parts += ["<h2>Scores</h2>", _table(header, rows)]
    differing = [[key, *values] for key, values in comparison.differing.items()]
    parts += ["<h2>What differs</h2>", _table(header, differing) if differing else "<p>Nothing.</p>"]
    parts += _slices(comparison)
    parts += ["<h2>Curves</h2>", *_curves(comparison)]
    return (
        f"<!doctype html><html lang='en'><meta charset='utf-8'><title>{html.escape(title)}</title>"
        f"<style>{STYLE}</style>{''.join(parts)}</html>"
    )


def _table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    head = "".join(f"<th>{html.escape(cell)}</th>" for cell in header)
    body = "".join("<tr>" + "".join(f"<td>{html.escape(cell)}</td>" for cell in row) + "</tr>" for row in rows)
    return f"<table><tr>{head}</tr>{body}</table>"


def _slices(comparison: Comparison) -> Iterator[str]:
    for number, each in enumerate(comparison.others, 1):
        if each.slices:
            yield f"<h2>{letter(number)} by slice of the test examples</h2>"
            rows = [
                [
                    f"{part.column}: {part.name}",
                    f"{part.examples:,}",
                    shown_difference(gain, comparison.reference.scores.higher_is_better),
                    gain.verdict,
                ]
                for part, gain in each.slices
            ]
            yield _table(["slice", "examples", "difference", "by itself"], rows)


def _curves(comparison: Comparison) -> Iterator[str]:
    runs = {letter(number): run for number, run in enumerate(comparison.runs)}
    for name in dict.fromkeys(name for run in runs.values() for name in run.curves):
        histories = {label: run.curves[name] for label, run in runs.items() if name in run.curves}
        yield _drawn(name, "epoch", name, {label: _axes(points) for label, points in histories.items()})
    for name in dict.fromkeys(name for run in runs.values() for name in run.tables):
        tables = {label: _columns(run.tables[name]) for label, run in runs.items() if name in run.tables}
        x, y, *_ = [*next(iter(tables.values())), "", ""]
        try:
            lines = {
                label: [list(map(float, table[axis])) for axis in (x, y)]
                for label, table in tables.items()
                if x in table and y in table
            }
        except ValueError:
            continue  # a table of names, such as the importances
        title, x_label, y_label = (text.replace("_", " ") for text in (name, x, y))
        yield _drawn(title, x_label, y_label, lines)


def _axes(points: Sequence[tuple[int, float]]) -> list[list[float]]:
    """Return the values of points on the two axes."""
    return [[point[axis] for point in points] for axis in (0, 1)]


def _columns(text: str) -> dict[str, list[str]]:
    header, *rows = csv.reader(io.StringIO(text))
    return {name: [row[index] for row in rows] for index, name in enumerate(header)}


def _drawn(title: str, x: str, y: str, lines: Mapping[str, Sequence[Sequence[float]]]) -> str:
    """Return a plot of several lines, each as its values on the two axes, as SVG."""
    figure = Figure(figsize=(5.5, 3.6), layout="constrained")
    axes = figure.add_subplot(title=title, xlabel=x, ylabel=y)
    for name, (across, up) in lines.items():
        axes.plot(across, up, label=name, marker="." if len(across) <= 30 else None)
    axes.legend()
    axes.grid(alpha=0.3)
    buffer = io.StringIO()
    figure.savefig(buffer, format="svg")
    text = buffer.getvalue()
    return text[text.index("<svg") :]
