"""Scores of outputs that should be +1 or -1."""

from typing import Any

import numpy as np
import numpy.typing as npt

Vector = npt.NDArray[np.floating[Any]]


class ThresholdScores:
    """Scores of fixed outputs under changing weights of the points.

    Args:
        labels: Labels, +1 or -1, shape (points,).
        outputs: Outputs, shape (points,); above 0 means +1, 0 and below mean -1.
    """

    def __init__(self, labels: Vector, outputs: Vector) -> None:
        self.right = (np.where(outputs > 0, 1, -1) == labels).astype(np.float64)
        self._hinge = np.maximum(0.0, 1.0 - labels.astype(np.float64) * outputs)

    def __call__(self, weight: Vector) -> dict[str, float]:
        """Return the `accuracy` of the signs and the mean `hinge` loss under weights of the points, shape (points,)."""
        total = weight.sum()
        return {"accuracy": float(self.right @ weight / total), "hinge": float(self._hinge @ weight / total)}

    def by_distance(self, distances: Vector, parts: int = 10) -> dict[str, list[float]]:
        """Return the accuracy as a function of the distance from the threshold.

        Args:
            distances: Distances of the points from the threshold, shape (points,); negative below it.
            parts: Number of groups, which have about equal numbers of points.

        Returns:
            `distance` (mean of the group), `accuracy` and `points` (number of points) of each group.
        """
        groups = np.array_split(np.argsort(distances, kind="stable"), min(parts, len(distances)))
        return {
            "distance": [float(distances[group].mean()) for group in groups],
            "accuracy": [float(self.right[group].mean()) for group in groups],
            "points": [float(len(group)) for group in groups],
        }
