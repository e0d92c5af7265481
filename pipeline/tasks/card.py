"""The card of a model: what it was trained on, how good it is and where, and what it takes.

Source: Mitchell et al.: Model Cards for Model Reporting (2019).
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence

from pipeline.config import format_score, in_markdown
from pipeline.storage import MODELS
from pipeline.tasks.report import Report


def model_card(report: Report) -> str:
    """Return the card of a model as Markdown: data, scores, slices, limits, environment and cost."""
    parts = {
        "Data": _data(report),
        "Scores": _scores(report),
        "Slices of the test examples": _slices(report),
        "Limits and remarks": _limits(report),
        "Environment and cost": _cost(report),
    }
    lines = [f"# {report.task.config.name}", "", f"**test {in_markdown(report.headline)}**", ""]
    for title, part in parts.items():
        if content := list(part):
            lines += [f"## {title}", "", *content, ""]
    return "\n".join(lines)


def _data(report: Report) -> Iterator[str]:
    from pipeline.data.sources import licence_of

    config = report.task.config
    facts = {"family": config.task, "network": config.model.name, **report.task.facts()}
    facts["licence of the data"] = licence_of(config.data.source.name)
    yield from _listed(facts)


def _scores(report: Report) -> Iterator[str]:
    scores = report.scores()
    names = list(report.evaluation.scores["test"].values)
    rows = {split: scores[split] for split in ("test", "val")}
    rows |= {f"test, {model}": values for model, values in report.baseline.items()}
    cells = ([label, *(_with_interval(values, name) for name in names)] for label, values in rows.items())
    yield from _table(["", *names], cells)


def _slices(report: Report) -> Iterator[str]:
    slices = report.evaluation.slices
    if slices:
        rows = (
            [
                f"{each.column}: {each.name}",
                f"{each.examples:,}",
                f"{format_score(each.value)} ({format_score(each.low)} … {format_score(each.high)})",
            ]
            for each in slices
        )
        yield from _table(["", "examples", report.task.headline], rows)


def _limits(report: Report) -> Iterator[str]:
    yield from (f"- {in_markdown(remark)}" for remark in report.remarks)
    yield "- The scores hold for examples like the test examples; the part on data says how these were chosen."


def _cost(report: Report) -> Iterator[str]:
    from pipeline.models.backend import versions

    with (MODELS / "history.csv").open(encoding="utf-8") as history:
        epochs = sum(1 for _ in history) - 1
    size = sum(path.stat().st_size for path in MODELS.rglob("*") if path.is_file())
    facts = versions()
    if report.evaluation.parameters is not None:
        facts["parameters"] = f"{report.evaluation.parameters:,}"
    yield from _listed({**facts, "epochs": f"{epochs}", "size": f"{size / 2**20:,.1f} MB"})


def _listed(facts: Mapping[str, str]) -> Iterator[str]:
    return (f"- {name}: {in_markdown(text)}" for name, text in facts.items())


def _table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    yield f"| {' | '.join(header)} |"
    yield "|---" * len(header) + "|"
    yield from (f"| {' | '.join(map(in_markdown, row))} |" for row in rows)


def _with_interval(scores: Mapping[str, float], name: str) -> str:
    if name not in scores:
        return ""
    if f"{name}_low" not in scores:
        return format_score(scores[name])
    ends = " … ".join(format_score(scores[f"{name}_{end}"]) for end in ("low", "high"))
    return f"{format_score(scores[name])} ({ends})"
