"""A comparison as text for the terminal."""

from collections.abc import Iterator, Sequence

from pipeline.comparison.compared import Compared, Comparison
from pipeline.config import format_score
from pipeline.metrics import Difference

WIDEST = 40
"""Largest number of characters of a cell."""
MOST_SLICES = 12
"""Largest number of slices per run that are shown."""


def report(comparison: Comparison) -> str:
    """Return what differs between the runs, their scores, and the verdicts."""
    runs, headline = comparison.runs, comparison.reference.scores.headline
    letters = [letter(number) for number in range(len(runs))]
    rows = [["", *letters], ["run", *(run.run_id for run in runs)], ["name", *(run.name for run in runs)]]
    rows.append([f"test {headline}", *(format_score(run.scores.values[headline]) for run in runs)])
    rows += [[key, *values] for key, values in comparison.differing.items()]
    lines = [*_aligned(rows), ""]
    if not comparison.differing:
        lines += ["settings, data and code are the same", ""]
    lines += [verdict(comparison, number) for number in range(1, len(runs))]
    for number, each in enumerate(comparison.others, 1):
        lines += _slices(each, letter(number), headline)
    if len(comparison.others) > 1:
        best = comparison.best
        chosen = (
            f"{letter(comparison.runs.index(best.run))} is the best of those that are better than A"
            if best
            else "none is better than A beyond chance"
        )
        lines += ["", f"of {len(comparison.others)} runs, {chosen}; the intervals hold for all of them together"]
    return "\n".join(lines)


def letter(number: int) -> str:
    """Return A for the first run, B for the second, and so on."""
    return chr(ord("A") + number) if number < 26 else f"R{number}"


def verdict(comparison: Comparison, number: int) -> str:
    """Return one or two sentences on a run: its difference from the reference, and whether that is chance.

    Args:
        comparison: The comparison.
        number: The position of the run in `comparison.runs`.
    """
    each = comparison.others[number - 1]
    gain, before, after = each.difference, comparison.reference.scores, each.run.scores
    headline = before.headline
    name = letter(number)
    is_known = gain.verdict != "cannot be told apart"
    said = f"{name} is {gain.verdict} than A" if is_known else f"{name} and A cannot be told apart"
    groups = "" if before.groups == before.examples else f" in {before.groups:,} groups"
    line = (
        f"{said}: {headline} {format_score(after.values[headline])} against {format_score(before.values[headline])}, "
        f"difference {shown_difference(gain, before.higher_is_better)} at {comparison.confidence:.0%}, on the same "
        f"{before.examples:,} test examples{groups}."
    )
    if not is_known:
        line += (
            f" About {float(f'{gain.needed:.2g}'):,.0f} test examples would be enough to tell."
            if gain.needed
            else " No realistic number of test examples would be enough to tell."
        )
    return line


def shown_difference(gain: Difference, higher_is_better: bool) -> str:
    """Return a difference of scores with its interval, negative where the score is lower than the reference's."""
    ends = (gain.low, gain.high) if higher_is_better else (-gain.high, -gain.low)
    value = gain.gain if higher_is_better else -gain.gain
    return f"{_signed(value)} ({_signed(ends[0])} … {_signed(ends[1])})"


def _signed(value: float) -> str:
    return f"{value:+.4f}" if abs(value) < 100 else f"{value:+,.0f}"


def _slices(each: Compared, name: str, headline: str) -> Iterator[str]:
    if not each.slices:
        return
    told = [(part, gain) for part, gain in each.slices if gain.verdict != "cannot be told apart"]
    told.sort(key=lambda item: -abs(item[1].gain))
    higher = each.run.scores.higher_is_better
    yield ""
    yield f"{name} by slice of the test examples (difference of {headline}; each interval for itself):"
    rows = [
        [f"  {part.column}: {part.name}", f"{part.examples:,}", gain.verdict, shown_difference(gain, higher)]
        for part, gain in told[:MOST_SLICES]
    ]
    yield from _aligned(rows)
    others = " other" if told else ""
    if len(told) < len(each.slices):
        yield f"  no difference beyond chance in {len(each.slices) - len(told)}{others} slices"


def _aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    cells = [[cell if len(cell) <= WIDEST else f"{cell[: WIDEST - 1]}…" for cell in row] for row in rows]
    if not cells:
        return []
    widths = [max(len(row[column]) for row in cells) for column in range(len(cells[0]))]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in cells]
