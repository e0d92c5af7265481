"""Points whose coordinates add up to more than a threshold, or do not."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.csv as csv

from pipeline.data.errors import DataError
from pipeline.data.schema_json import read_schema, write_schema
from pipeline.families.threshold.settings import MONITORS
from pipeline.storage import new_folder

FORMAT = 1


@dataclass(frozen=True)
class Points:
    """Points of one split.

    Attributes:
        points: `(points, dimensions)`, each coordinate at least 0 and below 1.
        labels: +1 where they add up to more than the threshold, else -1; `(points,)`.
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
class PointsSchema:
    """Facts about drawn points.

    Attributes:
        task: Of the pipeline.
        prepared: The data section.
        dimensions: Coordinates of a point.
        threshold: What their sum is compared with.
    """

    task: str
    prepared: dict[str, Any]
    dimensions: int
    threshold: float

    @property
    def names(self) -> list[str]:
        """Of the coordinates: `x1`, `x2`, …."""
        return [f"x{number}" for number in range(1, self.dimensions + 1)]

    @property
    def monitors(self) -> tuple[str, ...]:
        """Validation scores that `train.monitor` may name."""
        return tuple(MONITORS)

    def save(self, folder: Path) -> None:
        """Write `schema.json`."""
        write_schema(folder, FORMAT, asdict(self))

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read what `save` wrote.

        Raises:
            DataError: There is none, or one of another version.
        """
        return cls(**read_schema(folder, "threshold", FORMAT))


def draw_points(schema: PointsSchema, counts: Mapping[str, int], seed: int, out: Path) -> dict[str, float]:
    """Draw points and write them, a folder a split; `out` appears whole or not at all.

    Args:
        schema: How many coordinates, and the threshold.
        counts: Points, by split.
        seed: Of the drawing.
        out: To write.

    Returns:
        Share of the points above the threshold, by split.

    Raises:
        DataError: All points to learn from are on one side.
    """
    random, shares = np.random.default_rng(seed), {}
    with new_folder(out) as scratch:
        for name, count in counts.items():
            # The label is that of the numbers that the network sees, not of what was rounded away.
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
    """Read points from a CSV file with a column a coordinate, `(points, dimensions)`.

    Raises:
        DataError: It cannot be read, or lacks one.
    """
    try:
        table = csv.read_csv(path)
    except (OSError, pa.ArrowInvalid) as error:
        raise DataError(f"{path}: {error}") from error
    return points_of(table, names, str(path))


def points_of(table: pa.Table, names: list[str], where: str) -> npt.NDArray[np.float32]:
    """Return the coordinates in a table, `(points, dimensions)`.

    Raises:
        DataError: A column is not there, or holds no numbers.
    """
    if lacking := [name for name in names if name not in table.column_names]:
        raise DataError(f"{where}: no column {', '.join(lacking)} ({', '.join(table.column_names)})")
    if doubled := [name for name in names if table.column_names.count(name) > 1]:
        raise DataError(f"{where}: more than one column {', '.join(doubled)}")
    columns = []
    for name in names:
        try:
            column = table[name].cast(pa.float32())
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
            raise DataError(f"{where}: {name} holds no numbers ({error})") from error
        if column.null_count:
            raise DataError(f"{where}: {name} has {column.null_count:,} empty cells; a point has all its coordinates")
        columns.append(column.to_numpy())
    return np.stack(columns, axis=1) if len(table) else np.empty((0, len(names)), np.float32)
