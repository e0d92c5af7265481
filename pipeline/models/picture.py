"""Plots of a network with one box per layer, drawn by graphviz if installed, otherwise by matplotlib."""

import shutil
from dataclasses import dataclass
from pathlib import Path
from statistics import mean
from typing import Any

import keras
import pydot
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.patches import FancyBboxPatch

from pipeline.metrics.figure import Figure
from pipeline.models.members import shown_of
from pipeline.models.structure import Part, parts_of

BOX, ROW = (4.2, 0.62), 1.05
"""Width and height of a box, and the distance from one row to the next, in inches."""
BOX_STYLE: dict[str, Any] = {
    "shape": "box",
    "style": '"rounded,filled"',
    "fillcolor": '"#eef3f8"',
    "color": '"#33536b"',
    "fontname": "sans-serif",
}
"""Node attributes for graphviz."""


@dataclass
class _Box:
    part: Part
    row: int
    place: float = 0.0


def write_pictures(model: keras.Model, folder: Path) -> str:
    """Write `network.svg` and `network.png`; return the name of the program that drew them."""
    paths = [folder / f"network.{suffix}" for suffix in ("svg", "png")]
    if shutil.which("dot"):
        for path in paths:
            _graph(model).write(str(path), format=path.suffix[1:])
        return "graphviz"
    picture = figure(model)
    # No date and no random identifiers: the same network gives the same file.
    with rc_context({"svg.hashsalt": model.name}):
        picture.savefig(paths[0], metadata={"Date": None})
    picture.savefig(paths[1], dpi=100)
    return "matplotlib"


def _graph(model: keras.Model) -> pydot.Dot:
    graph = pydot.Dot("network", graph_type="digraph", dpi=100)
    for number, network in enumerate(shown_of(model)):
        title = f'"{network.name}: {network.count_params():,} parameters"'
        cluster = pydot.Cluster(str(number), label=title, fontname="sans-serif", color="white")
        for part in parts_of(network):
            label = '"' + "\\n".join(part.lines) + '"'
            cluster.add_node(pydot.Node(f'"{number} {part.name}"', label=label, **BOX_STYLE))
            for parent in part.parents:
                cluster.add_edge(pydot.Edge(f'"{number} {parent}"', f'"{number} {part.name}"', color='"#33536b"'))
        graph.add_subgraph(cluster)  # type: ignore[arg-type]
    return graph


def figure(model: keras.Model) -> Figure:
    """Draw a network; for an ensemble, the ensemble and its first member."""
    networks = shown_of(model)
    boxes = [_boxes(network) for network in networks]
    sizes = [(1 + max(box.row for box in panel), _widest(panel)) for panel in boxes]
    height, width = ROW * sum(rows for rows, _ in sizes), (BOX[0] + 0.4) * max(count for _, count in sizes)
    picture = Figure(figsize=(width, height + 0.45 * len(networks)), layout="constrained")
    panels = picture.subplots(len(networks), 1, squeeze=False, height_ratios=[rows for rows, _ in sizes])
    for network, network_boxes, axes in zip(networks, boxes, panels[:, 0], strict=True):
        _draw(axes, network_boxes)
        axes.set_title(f"{network.name}: {network.count_params():,} parameters", fontsize=10)
    return picture


def _boxes(model: keras.Model) -> list[_Box]:
    boxes: dict[str, _Box] = {}
    for part in parts_of(model):
        boxes[part.name] = _Box(part, 1 + max((boxes[parent].row for parent in part.parents), default=-1))
    rows: dict[int, list[_Box]] = {}
    for box in reversed(boxes.values()):
        children = [other for other in boxes.values() if box.part.name in other.part.parents]
        # An input is drawn directly above the first layer that uses it.
        box.row = min(child.row for child in children) - 1 if children else box.row
        box.place = mean(child.place for child in children) if children else 0.0
        rows.setdefault(box.row, []).insert(0, box)
        # Spread the boxes of a row evenly around their mean position.
        middle = mean(neighbour.place for neighbour in rows[box.row])
        for index, neighbour in enumerate(rows[box.row]):
            neighbour.place = middle + index - (len(rows[box.row]) - 1) / 2
    return list(boxes.values())


def _widest(boxes: list[_Box]) -> int:
    rows = [box.row for box in boxes]
    return max(rows.count(row) for row in rows)


def _draw(axes: Axes, boxes: list[_Box]) -> None:
    places = {box.part.name: ((BOX[0] + 0.4) * box.place, -ROW * box.row) for box in boxes}
    for box in boxes:
        part = box.part
        x, y = places[part.name]
        corner = (x - BOX[0] / 2, y - BOX[1] / 2)
        axes.add_patch(
            FancyBboxPatch(corner, *BOX, boxstyle="round,pad=0.02", facecolor="#eef3f8", edgecolor="#33536b")
        )
        first, second = part.lines
        axes.text(x, y + 0.12, first, ha="center", va="center", fontsize=9, weight="bold")
        axes.text(x, y - 0.14, second, ha="center", va="center", fontsize=8)
        for parent in part.parents:
            above = places[parent]
            # Bend the arrow around the boxes in between, if any.
            bend = "arc3,rad=0.25" if above[1] - y > 1.5 * ROW else "arc3"
            arrow = {"arrowstyle": "-|>", "color": "#33536b", "connectionstyle": bend}
            axes.annotate("", (x, y + BOX[1] / 2), (above[0], above[1] - BOX[1] / 2), arrowprops=arrow)
    xs, ys = zip(*places.values(), strict=True)
    axes.set_xlim(min(xs) - BOX[0] / 2 - 0.15, max(xs) + BOX[0] / 2 + 0.15)
    axes.set_ylim(min(ys) - BOX[1], max(ys) + BOX[1])
    axes.axis("off")
