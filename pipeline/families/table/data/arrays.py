"""The processed data on disk: one folder a split, one `.npy` file an array."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from pipeline.data.errors import DataError

NAMES = ("categorical", "numeric", "target", "group", "fold", "row")


@dataclass(frozen=True)
class Arrays:
    """Examples of one split.

    Attributes:
        categorical: Codes, int32, `(rows, categorical columns)`.
        numeric: Standardised, NaN where missing, float32, `(rows, numeric columns)`.
        target: Code of the class, or the amount, float32, `(rows,)`.
        group: Number of the row's group, int32, `(rows,)`: what intervals are resampled over.
        fold: Number of the row's fold, int8, `(rows,)`: 0 in the validation split, -1 in the test split.
        row: Place of the row in the file, from 0, `(rows,)`.
    """

    categorical: npt.NDArray[np.int32]
    numeric: npt.NDArray[np.float32]
    target: npt.NDArray[np.float32]
    group: npt.NDArray[np.int32]
    fold: npt.NDArray[np.int8]
    row: npt.NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.target)

    @property
    def inputs(self) -> dict[str, npt.NDArray[Any]]:
        """What the network takes, by the name of its input."""
        return {"categorical": self.categorical, "numeric": self.numeric}

    def __getitem__(self, chosen: npt.NDArray[Any]) -> "Arrays":
        """Return some rows, by a mask or by their places."""
        return Arrays(**{name: np.asarray(getattr(self, name))[chosen] for name in NAMES})

    @classmethod
    def together(cls, parts: Sequence["Arrays"]) -> "Arrays":
        """Return the rows of several splits, one after the other."""
        return cls(**{name: np.concatenate([getattr(part, name) for part in parts]) for name in NAMES})

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
