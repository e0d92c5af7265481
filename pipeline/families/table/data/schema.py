"""`schema.json`: facts inferred from the data, which later stages read instead of the data."""

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Self

from pipeline.data.cells import aliases_of
from pipeline.data.errors import DataError
from pipeline.data.schema_json import NAME, PREPARE_AGAIN, StoredSchema, read_schema
from pipeline.families.table.data.layout import Layout
from pipeline.families.table.settings import MONITORS_OF

UNKNOWN = "(unknown or missing)"
"""Name of code 0, which the network sees instead of a category that it does not know."""


@dataclass(frozen=True)
class Categorical:
    """A column of categories; code `i + 1` is `categories[i]`, and code 0 is unknown or missing.

    Attributes:
        name: Name of the column.
        categories: The categories that are known.
        rare: Share of the values of the training rows that are too rare to be known.
    """

    name: str
    categories: list[str]
    rare: float = 0.0

    @property
    def cardinality(self) -> int:
        """Number of codes, including the code for unknown."""
        return len(self.categories) + 1

    @property
    def aliases(self) -> dict[str, str]:
        """Other spellings of its categories, if these are truth values: 1 and 0 for true and false, or the reverse."""
        return aliases_of(self.categories)


@dataclass(frozen=True)
class Numeric:
    """A column of numbers: moments of the training rows, and their quantiles and frequent values, standardised."""

    name: str
    mean: float
    std: float
    quantiles: list[float]
    frequent: list[float]


@dataclass(frozen=True)
class Schema(StoredSchema):
    """Facts that preprocess inferred from the data.

    Attributes:
        kind: Kind of the target: `binary`, `multiclass` or `regression`.
        target: Name of the target column.
        classes: Classes of the target by code; empty for a regression.
        target_mean: Mean target of the training rows; 0 for classes.
        target_std: Standard deviation of the target in the training rows; 1 for classes.
        categorical: Columns of codes.
        numeric: Columns of numbers.
        layout: Files and columns.
        rows: Number of rows by split.
        groups: Number of groups by split.
        held_out: How the test rows were chosen, in words.
        dropped_without_target: Number of rows dropped because they have no target.
    """

    FORMAT: ClassVar[int] = 7
    TASK: ClassVar[str] = "table"
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

    @property
    def cardinalities(self) -> list[int]:
        """Number of codes of each categorical column."""
        return [column.cardinality for column in self.categorical]

    @property
    def monitors(self) -> tuple[str, ...]:
        """Validation scores that `train.monitor` may name."""
        return tuple(MONITORS_OF[self.kind])

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read `schema.json`.

        Raises:
            DataError: The file is missing, corrupt or of another format.
        """
        content = read_schema(folder, cls.TASK, cls.FORMAT)
        try:
            content["categorical"] = [Categorical(**column) for column in content["categorical"]]
            content["numeric"] = [Numeric(**column) for column in content["numeric"]]
            content["layout"] = Layout.from_dict(content["layout"])
            return cls(**content)
        except (KeyError, TypeError) as error:
            raise DataError(f"{folder / NAME}: corrupt ({error}); {PREPARE_AGAIN}") from error
