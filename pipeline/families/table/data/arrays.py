"""The processed data on disk: one folder per split, one `.npy` file per array."""

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
    """The examples of one split.

    Attributes:
        categorical: Codes, int32, shape (rows, categorical columns).
        numeric: Standardised numbers, NaN where missing, float32, shape (rows, numeric columns).
        target: Code of the class, or the amount, float32, shape (rows,).
        group: Number of the row's group, over which intervals are resampled, int32, shape (rows,).
        fold: Number of the row's fold, 0 in the validation split and -1 in the test split, int8, shape (rows,).
        row: Position of the row in the file, from 0, int64, shape (rows,).
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
        """Arrays that the network takes, by the name of its input."""
        return {"categorical": self.categorical, "numeric": self.numeric}

    def __getitem__(self, chosen: npt.NDArray[Any]) -> "Arrays":
        """Return the rows that a mask or an array of positions selects."""
        return Arrays(**{name: np.asarray(getattr(self, name))[chosen] for name in NAMES})

    @classmethod
    def together(cls, parts: Sequence["Arrays"]) -> "Arrays":
        """Return the rows of several splits, concatenated."""
        return cls(**{name: np.concatenate([getattr(part, name) for part in parts]) for name in NAMES})

    @classmethod
    def load(cls, folder: Path) -> "Arrays":
        """Map the arrays of a folder into memory.

        Raises:
            DataError: An array is missing or corrupt.
        """
        try:
            return cls(**{name: np.load(folder / f"{name}.npy", mmap_mode="r") for name in NAMES})
        except (OSError, ValueError) as error:
            raise DataError(
                f"{folder}: cannot be read ({error}); run `dvc repro -f preprocess` to write it again"
            ) from error
