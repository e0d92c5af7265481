"""The processed data on disk: one folder a split, one `.npy` file an array."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from pipeline.data.errors import DataError

NAMES = ("categorical", "numeric", "target", "group")


@dataclass(frozen=True)
class Arrays:
    """Examples of one split.

    Attributes:
        categorical: Codes, int32, `(rows, categorical columns)`.
        numeric: Standardised, NaN where missing, float32, `(rows, numeric columns)`.
        target: Code of the class, or the amount, float32, `(rows,)`.
        group: Number of the row's group, int32, `(rows,)`: what intervals are resampled over.
    """

    categorical: npt.NDArray[np.int32]
    numeric: npt.NDArray[np.float32]
    target: npt.NDArray[np.float32]
    group: npt.NDArray[np.int32]

    def __len__(self) -> int:
        return len(self.target)

    @property
    def inputs(self) -> dict[str, npt.NDArray[Any]]:
        """What the network takes, by the name of its input."""
        return {"categorical": self.categorical, "numeric": self.numeric}

    @classmethod
    def load(cls, folder: Path) -> "Arrays":
        """Map the arrays into memory.

        Raises:
            DataError: An array is missing or damaged.
        """
        try:
            return cls(**{name: np.load(folder / f"{name}.npy", mmap_mode="r") for name in NAMES})
        except (OSError, ValueError) as error:
            raise DataError(f"{folder}: cannot be read ({error}); `dvc repro -f preprocess` writes it anew") from error
