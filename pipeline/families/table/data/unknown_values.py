"""Count the values of new rows that do not occur in the training data."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from pipeline.data.cells import is_mostly_unknown, mostly_unknown
from pipeline.families.table.data.counting import MISSING, Index
from pipeline.families.table.data.schema import Categorical
from pipeline.families.table.data.tables import Table

SHOWN = 3
"""Maximum number of such values to name."""


class UnknownValues:
    """Counts values of categorical columns that do not occur in the training data, over batches of rows.

    Args:
        columns: The categorical columns.
    """

    def __init__(self, columns: Sequence[Categorical]) -> None:
        self._columns = columns
        self._present, self._unknown = np.zeros(len(columns), np.int64), np.zeros(len(columns), np.int64)
        self._examples: list[list[str]] = [[] for _ in columns]

    def count(self, table: Table, indices: Mapping[str, Index], codes: npt.NDArray[Any]) -> None:
        """Count the values of a batch.

        Args:
            table: The table that indexed the batch.
            indices: Indices by part, each of shape (rows,).
            codes: Codes of the columns, shape (rows, columns or more).
        """
        for place, column in enumerate(self._columns):
            owner = table.owners[column.name]
            if owner != f"column:{column.name}":  # derived or joined: the rows do not hold it
                continue
            is_present = indices[owner] != MISSING
            unknown = np.flatnonzero(is_present & (codes[:, place] == 0))
            self._present[place] += int(is_present.sum())
            self._unknown[place] += len(unknown)
            if len(unknown) and len(self._examples[place]) < SHOWN:
                values = table.parts[owner].values(column.name)
                self._examples[place] += [values[int(i)].as_py() for i in indices[owner][unknown[:SHOWN]]]

    def messages(self) -> list[str]:
        """Return a message for each column whose values are mostly unknown."""
        counts = zip(self._columns, self._unknown.tolist(), self._present.tolist(), self._examples, strict=True)
        return [
            f"column {column.name!r}: {mostly_unknown(unknown, examples, column.categories)}"
            for column, unknown, present, examples in counts
            if is_mostly_unknown(unknown, present, column.rare)
        ]
