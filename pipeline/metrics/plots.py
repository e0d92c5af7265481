"""Plots of curves, matrices and decision boundaries."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from pipeline.metrics.curve import Curve
from pipeline.metrics.figure import Figure
from pipeline.metrics.importance import Importance
from pipeline.metrics.slices import Slice

MOST_BARS = 30
"""Largest number of columns in a plot of importances."""


def overview(title: str, curves: Mapping[str, Curve], diagonal: Collection[str]) -> Figure:
    """Plot all curves side by side; those named in `diagonal` get a diagonal."""
    figure = Figure(figsize=(4 * len(curves), 3.6), layout="constrained")
    figure.suptitle(title)
    for index, (name, curve) in enumerate(curves.items()):
        _draw(figure.add_subplot(1, len(curves), index + 1), _words(name), curve, name in diagonal)
    return figure


def _draw(axes: Axes, title: str, curve: Curve, diagonal: bool) -> None:
    (x_name, x), (y_name, y), *_ = curve.items()
    axes.set(title=title, xlabel=_words(x_name), ylabel=_words(y_name))
    if diagonal:
        axes.plot([min(x), max(x)], [min(x), max(x)], color="0.7", linestyle="--", linewidth=1)
    axes.plot(x, y, marker="." if len(x) <= 30 else None)
    axes.xaxis.set_major_locator(MaxNLocator(5))
    axes.grid(alpha=0.3)


def heat(across: Sequence[str], down: Sequence[str], values: npt.NDArray[Any]) -> Figure:
    """Plot a matrix as a heat map with row and column names; darker means larger."""
    figure = Figure(figsize=(1.5 + 0.4 * len(across), 1.5 + 0.35 * len(down)), layout="constrained")
    axes = figure.add_subplot()
    axes.imshow(values, cmap="Blues", vmin=0, vmax=1, aspect="auto")
    axes.set_xticks(range(len(across)), across, rotation=60, ha="right")
    axes.set_yticks(range(len(down)), down)
    return figure


def slices(title: str, scored: Sequence[Slice], whole: float) -> Figure:
    """Plot the score of each slice with its interval, and that of all examples as a line."""
    figure = Figure(figsize=(7, 1.2 + 0.3 * len(scored)), layout="constrained")
    axes = figure.add_subplot(title=title, xlabel="score; the line is that of all examples")
    values = [each.value for each in scored]
    # A percentile interval of few examples need not hold the score itself.
    below = [max(each.value - each.low, 0) for each in scored]
    above = [max(each.high - each.value, 0) for each in scored]
    axes.errorbar(values, range(len(scored)), xerr=[below, above], fmt="o", markersize=4, linewidth=1)
    axes.axvline(whole, color="0.7", linewidth=1)
    names = [f"{each.column}: {each.name} ({each.examples:,})" for each in scored]
    axes.set_yticks(range(len(scored)), [name if len(name) <= 60 else f"{name[:59]}…" for name in names])
    axes.invert_yaxis()
    axes.grid(axis="x", alpha=0.3)
    return figure


def confusion(title: str, names: Sequence[str], counts: npt.NDArray[np.integer[Any]]) -> Figure:
    """Plot how many examples of each class are taken for which; darker means a larger share of the actual class."""
    side = 2 + 0.6 * len(names)
    figure = Figure(figsize=(side + 1, side), layout="constrained")
    axes = figure.add_subplot(title=title, xlabel="predicted", ylabel="actual")
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    for (actual, predicted), count in np.ndenumerate(counts):
        colour = "white" if shares[actual, predicted] > 0.6 else "black"
        axes.text(predicted, actual, f"{count:,}", ha="center", va="center", color=colour, fontsize=8)
    axes.set_xticks(range(len(names)), names, rotation=60, ha="right")
    axes.set_yticks(range(len(names)), names)
    return figure


def importance(title: str, importances: Sequence[Importance]) -> Figure:
    """Plot the importance of each column, or set of related columns, with its interval, most important on top."""
    shown = importances[:MOST_BARS]
    figure = Figure(figsize=(7, 1.2 + 0.3 * len(shown)), layout="constrained")
    axes = figure.add_subplot(title=title, xlabel="how much worse the score is when the values are shuffled")
    values = [each.value for each in shown]
    ends = [[each.value - each.low for each in shown], [each.high - each.value for each in shown]]
    axes.barh(range(len(shown)), values, xerr=np.maximum(ends, 0), color="#33536b", ecolor="0.5")
    # A dollar sign would start a formula.
    axes.set_yticks(range(len(shown)), [each.name.replace("$", r"\$") for each in shown], fontsize=8)
    axes.invert_yaxis()
    axes.grid(axis="x", alpha=0.3)
    return figure


def border(
    grid: npt.NDArray[Any],
    heights: npt.NDArray[Any],
    threshold: float,
    points: npt.NDArray[Any],
    labels: npt.NDArray[Any],
) -> Figure:
    """Plot the decision boundary of a network and the true boundary x + y = threshold.

    Args:
        grid: The coordinates along both axes.
        heights: The outputs of the network, shape (y, x).
        threshold: The threshold of the sum.
        points: The points, shape (points, 2).
        labels: The labels of the points, +1 or -1.
    """
    figure = Figure(figsize=(5.6, 4.6), layout="constrained")
    axes = figure.add_subplot(xlabel="x1", ylabel="x2", aspect="equal")
    shades = axes.contourf(grid, grid, heights, levels=np.linspace(-1, 1, 21), cmap="RdBu", extend="both")
    figure.colorbar(shades, label="output")
    for label, mark in ((1, "+"), (-1, "_")):
        chosen = points[labels == label]
        axes.scatter(chosen[:, 0], chosen[:, 1], marker=mark, s=14, color="0.25", linewidths=0.6, label=f"{label:+d}")
    axes.plot([threshold, threshold - 1], [0, 1], color="black", linestyle="--", linewidth=1, label="the threshold")
    if heights.min() < 0 < heights.max():
        axes.contour(grid, grid, heights, levels=[0], colors="black")
    axes.set(xlim=(0, 1), ylim=(0, 1))
    axes.legend(loc="upper right", fontsize=8)
    return figure


def _words(name: str) -> str:
    return name.replace("_", " ")
