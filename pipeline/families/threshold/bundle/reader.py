"""Predict on which side of a threshold points are. Needs only NumPy."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.portable.errors import BundleError
from pipeline.portable.request_fields import fields_of


class PointReader:
    """Predicts on which side of a threshold points are."""

    def __init__(self, networks: Mapping[str, Any], facts: Mapping[str, Any], _folder: Path) -> None:
        self._network, self.names = networks["network"], facts["names"]

    field = "points"
    """Name of the inputs in a request to the service."""

    def describe(self) -> dict[str, Any]:
        """Return what a request and its answer hold, for the service."""
        return {"points": self.names, "predictions": "outputs; above 0 means +1"}

    def answer(self, request: Any) -> list[float]:
        """Return the output for each point of a request, `{"points": [[.2, .7], …]}`.

        Raises:
            BundleError: The request is not like this, or a point has another number of coordinates.
        """
        points, _ = fields_of(request, self.field, {})
        outputs: list[float] = self(points).tolist()
        return outputs

    def __call__(self, points: Any) -> Any:
        """Return the output for points, shape (points, dimensions), as an array of shape (points,): above 0 means +1.

        Raises:
            BundleError: The points have another number of coordinates.
        """
        array = np.asarray(points, np.float32)
        if array.ndim != 2 or array.shape[1] != len(self.names):
            raise BundleError(f"expected points of {len(self.names)} coordinates, received an array {array.shape}")
        return self._network(point=array)[:, 0] if len(array) else array[:, 0]
