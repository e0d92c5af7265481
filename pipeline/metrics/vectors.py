"""Nearest neighbours and projections of embeddings."""

from typing import Any

import numpy as np
import numpy.typing as npt

from pipeline.metrics.figure import Figure

LABELS = 40
"""Largest number of labels in a plot; more would be unreadable."""
Vectors = npt.NDArray[np.float32]


def nearest(vectors: Vectors, count: int) -> tuple[npt.NDArray[np.int64], Vectors]:
    """Return the nearest other rows of each row by cosine similarity.

    Returns:
        Row numbers and cosines, shape (rows, count) each, nearest first; fewer columns if there are too few rows.
    """
    from sklearn.neighbors import NearestNeighbors  # imported late, because it takes a second to load

    count = min(count, len(vectors) - 1)
    # One more neighbour, because each row is its own nearest, possibly tied with equal rows.
    distance, rows = NearestNeighbors(n_neighbors=count + 1, metric="cosine").fit(vectors).kneighbors(vectors)
    others = rows != np.arange(len(vectors))[:, None]
    others[others.all(axis=1), -1] = False
    chosen: npt.NDArray[np.int64] = rows[others].reshape(len(vectors), count)
    return chosen, (1 - distance[others].reshape(len(vectors), count)).astype(np.float32)


def plane(title: str, vectors: Vectors, names: list[str]) -> Figure:
    """Plot vectors on their first two principal components; the first rows are labelled."""
    from sklearn.decomposition import PCA

    width = min(2, *vectors.shape)
    components = PCA(width, svd_solver="full").fit(vectors)
    points: npt.NDArray[Any] = np.zeros((len(vectors), 2))
    points[:, :width] = components.transform(vectors)
    shares = [*components.explained_variance_ratio_, 0.0][:2]
    figure = Figure(figsize=(8, 7), layout="constrained")
    axes = figure.add_subplot()
    axes.scatter(points[:, 0], points[:, 1], s=12, color="#33536b", alpha=0.6)
    for (x, y), name in list(zip(points, names, strict=True))[:LABELS]:
        shown = name if len(name) <= 24 else f"{name[:23]}…"
        # A dollar sign would start a formula.
        axes.annotate(shown.replace("$", r"\$"), (x, y), xytext=(3, 3), textcoords="offset points", fontsize=7)
    labels = [f"component {number} ({share:.0%} of the variance)" for number, share in enumerate(shares, start=1)]
    axes.set(title=title, xlabel=labels[0], ylabel=labels[1])
    return figure
