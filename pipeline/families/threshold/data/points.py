"""Random points, labelled by whether their coordinates add up to more than a threshold."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Self

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.csv as csv

from pipeline.config import no_such
from pipeline.data.errors import DataError
from pipeline.data.schema_json import StoredSchema
from pipeline.storage import sealed_folder


@dataclass(frozen=True)
class Points:
    """Points of one split.

    Attributes:
        points: Coordinates in [0, 1), shape (points, dimensions).
        labels: +1 if the coordinates add up to more than the threshold, else -1; shape (points,).
    """

    points: npt.NDArray[np.float32]
    labels: npt.NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.points)

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read what `draw_points` wrote."""
        return cls(np.load(folder / "points.npy"), np.load(folder / "labels.npy"))


@dataclass(frozen=True)
class PointsSchema(StoredSchema):
    """The schema of drawn points.

    Attributes:
        dimensions: Number of coordinates of a point.
        threshold: The number that their sum is compared with.
    """

    FORMAT: ClassVar[int] = 1
    TASK: ClassVar[str] = "threshold"
    dimensions: int
    threshold: float

    @property
    def names(self) -> list[str]:
        """Names of the coordinates: `x1`, `x2`, …."""
        return [f"x{number}" for number in range(1, self.dimensions + 1)]


def draw_points(schema: PointsSchema, counts: Mapping[str, int], seed: int, out: Path) -> dict[str, float]:
    """Draw points and write them, one folder per split; `out` is only replaced once it is complete.

    Args:
        schema: The number of coordinates, and the threshold.
        counts: Number of points per split.
        seed: Seed of the random generator.
        out: The folder to write.

    Returns:
        Share of the points above the threshold, by split.

    Raises:
        DataError: All training points are on one side of the threshold.
    """
    random, shares = np.random.default_rng(seed), {}
    with sealed_folder(out) as scratch:
        for name, count in counts.items():
            # The label is that of the rounded numbers, which the network sees.
            points = random.random((count, schema.dimensions)).astype(np.float32)
            labels = np.where(points.sum(axis=1, dtype=np.float64) > schema.threshold, 1.0, -1.0).astype(np.float32)
            (scratch / name).mkdir()
            np.save(scratch / name / "points.npy", points)
            np.save(scratch / name / "labels.npy", labels)
            shares[name] = float((labels > 0).mean())
        if shares["train"] in (0.0, 1.0):
            raise DataError(
                f"data.threshold: all {counts['train']:,} points are {'above' if shares['train'] else 'below'} "
                f"{schema.threshold:g}; sums of {schema.dimensions} coordinates are between 0 and {schema.dimensions}"
            )
        schema.save(scratch)
    return shares


def read_points(path: Path, names: list[str]) -> npt.NDArray[np.float32]:
    """Read points from a CSV file with one column per coordinate, shape (points, dimensions).

    Raises:
        DataError: The file cannot be read, or a column is missing.
    """
    try:
        table = csv.read_csv(path)
    except (OSError, pa.ArrowInvalid) as error:
        raise DataError(f"{path}: {error}") from error
    return points_of(table, names, str(path))


def points_of(table: pa.Table, names: list[str], where: str) -> npt.NDArray[np.float32]:
    """Return the coordinates in a table, shape (points, dimensions).

    Raises:
        DataError: A column is missing, or does not hold numbers.
    """
    if lacking := [name for name in names if name not in table.column_names]:
        raise DataError(f"{where}: no column {no_such(lacking, table.column_names)}")
    if doubled := [name for name in names if table.column_names.count(name) > 1]:
        raise DataError(f"{where}: duplicate column {', '.join(doubled)}; rename one")
    columns = []
    for name in names:
        try:
            column = table[name].cast(pa.float32())
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
            raise DataError(f"{where}: column {name} must hold numbers ({error}); correct the file") from error
        if column.null_count:
            raise DataError(
                f"{where}: column {name} has {column.null_count:,} empty cells; give all coordinates of each point"
            )
        columns.append(column.to_numpy())
    return np.stack(columns, axis=1) if len(table) else np.empty((0, len(names)), np.float32)
