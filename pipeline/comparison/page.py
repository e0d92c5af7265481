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
MOST_POINTS = 2


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
    runs = comparison.runs
    for name in dict.fromkeys(name for run in runs for name in run.curves):
        yield _drawn(name, "epoch", name, {letter(i): dict(run.curves.get(name, ())) for i, run in enumerate(runs)})
    for name in dict.fromkeys(name for run in runs for name in run.tables):
        tables = [_columns(run.tables[name]) if name in run.tables else {} for run in runs]
        first = next(table for table in tables if table)
        x, y = [*first, "", ""][:MOST_POINTS]
        if all(_are_numbers(table.get(x, [])) and _are_numbers(table.get(y, [])) for table in tables):
            points = {
                letter(number): dict(zip(map(float, table[x]), map(float, table[y]), strict=True))
                for number, table in enumerate(tables)
                if x in table and y in table
            }
            yield _drawn(name.replace("_", " "), x.replace("_", " "), y.replace("_", " "), points)


def _columns(text: str) -> dict[str, list[str]]:
    header, *rows = csv.reader(io.StringIO(text))
    return {name: [row[index] for row in rows] for index, name in enumerate(header)}


def _are_numbers(cells: Sequence[str]) -> bool:
    try:
        return all(float(cell) is not None for cell in cells)
    except ValueError:
        return False


def _drawn(title: str, x: str, y: str, points: Mapping[str, Mapping[float, float]]) -> str:
    """Return a plot of several lines as SVG."""
    figure = Figure(figsize=(5.5, 3.6), layout="constrained")
    axes = figure.add_subplot(title=title, xlabel=x, ylabel=y)
    for name, line in points.items():
        axes.plot(list(line), list(line.values()), label=name, marker="." if len(line) <= 30 else None)
    axes.legend()
    axes.grid(alpha=0.3)
    buffer = io.StringIO()
    figure.savefig(buffer, format="svg")
    text = buffer.getvalue()
    return text[text.index("<svg") :]
