"""Facts inferred from the data, which later stages read instead of the data: `schema.json`."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self

from pipeline.data.errors import DataError
from pipeline.data.schema_json import NAME, PREPARE_AGAIN, read_schema, write_schema
from pipeline.families.table.data.layout import Layout
from pipeline.families.table.settings import MONITORS_OF

FORMAT = 5


@dataclass(frozen=True)
class Categorical:
    """A column of categories; code `i + 1` is `categories[i]`, code 0 is unknown or missing."""

    name: str
    categories: list[str]

    @property
    def cardinality(self) -> int:
        """Number of codes, the unknown one included."""
        return len(self.categories) + 1


@dataclass(frozen=True)
class Numeric:
    """A column of numbers: moments of the training rows; in standardised units, their quantiles and frequent values."""

    name: str
    mean: float
    std: float
    quantiles: list[float]
    frequent: list[float]


@dataclass(frozen=True)
class Schema:
    """What preprocess found out.

    Attributes:
        task: The family.
        kind: Of the target: binary, multiclass or regression.
        target: Its column.
        classes: Its values by code; none for a regression.
        target_mean: Mean of the training rows' amounts; 0 for classes.
        target_std: Their deviation; 1 for classes.
        categorical: Columns of codes.
        numeric: Columns of numbers.
        layout: Files and columns.
        rows: By split.
        groups: By split.
        held_out: How the test rows were chosen, in words.
        dropped_without_target: Rows.
        prepared: The data section behind all this.
    """

    task: str
    kind: str
    target: str
    classes: list[str]
    target_mean: float
    target_std: float
    categorical: list[Categorical]
    numeric: list[Numeric]
    layout: Layout
    rows: dict[str, int]
    groups: dict[str, int]
    held_out: str
    dropped_without_target: int
    prepared: dict[str, Any]

    @property
    def cardinalities(self) -> list[int]:
        """Codes of each categorical column."""
        return [column.cardinality for column in self.categorical]

    @property
    def monitors(self) -> tuple[str, ...]:
        """Validation scores that `train.monitor` may name."""
        return tuple(MONITORS_OF[self.kind])

    def save(self, folder: Path) -> None:
        """Write `schema.json`."""
        write_schema(folder, FORMAT, asdict(self))

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read `schema.json`.

        Raises:
            DataError: There is none, or it is not of this format.
        """
        content = read_schema(folder, "table", FORMAT)
        try:
            content["categorical"] = [Categorical(**column) for column in content["categorical"]]
            content["numeric"] = [Numeric(**column) for column in content["numeric"]]
            content["layout"] = Layout.from_dict(content["layout"])
            return cls(**content)
        except (KeyError, TypeError) as error:
            raise DataError(f"{folder / NAME}: damaged ({error}); {PREPARE_AGAIN}") from error
