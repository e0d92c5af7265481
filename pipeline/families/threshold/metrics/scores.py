"""Signs and distances of outputs that should be +1 or -1."""

from typing import Any

import numpy as np
import numpy.typing as npt

Vector = npt.NDArray[np.floating[Any]]


class ThresholdScores:
    """Scores of points, which may count more or less.

    Args:
        labels: +1 or -1, `(points,)`.
        outputs: Likewise; above 0 means +1, 0 and below mean -1.
    """

    def __init__(self, labels: Vector, outputs: Vector) -> None:
        self.right = (np.where(outputs > 0, 1, -1) == labels).astype(np.float64)
        self._hinge = np.maximum(0.0, 1.0 - labels.astype(np.float64) * outputs)

    def __call__(self, weight: Vector) -> dict[str, float]:
        """Score under weights of the points, `(points,)`: `accuracy` of the sign, and mean `hinge` loss."""
        total = weight.sum()
        return {"accuracy": float(self.right @ weight / total), "hinge": float(self._hinge @ weight / total)}

    def by_distance(self, distances: Vector, parts: int = 10) -> dict[str, list[float]]:
        """Return the curve of accuracy over the distance from the border.

        Args:
            distances: Of the points; negative below the border.
            parts: Groups of about as many points.

        Returns:
            `distance` (mean of the group), `accuracy`, `points`.
        """
        groups = np.array_split(np.argsort(distances, kind="stable"), min(parts, len(distances)))
        return {
            "distance": [float(distances[group].mean()) for group in groups],
            "accuracy": [float(self.right[group].mean()) for group in groups],
            "points": [float(len(group)) for group in groups],
        }
