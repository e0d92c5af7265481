"""Points on either side of a threshold. NumPy alone."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.portable.errors import BundleError


class PointReader:
    """Tells on which side of a threshold points are."""

    def __init__(self, networks: Mapping[str, Any], facts: Mapping[str, Any], _folder: Path) -> None:
        self._network, self.names = networks["network"], facts["names"]

    def __call__(self, points: Any) -> Any:
        """Return the output for points `(points, dimensions)`, `(points,)`: above 0 means +1.

        Raises:
            BundleError: Another number of coordinates.
        """
        given = np.asarray(points, np.float32)
        if given.ndim != 2 or given.shape[1] != len(self.names):
            raise BundleError(f"expected points of {len(self.names)} coordinates, received an array {given.shape}")
        return self._network(point=given)[:, 0] if len(given) else given[:, 0]
