"""Assign values to bins: 0 for a missing value, then categories or the quantiles of a number."""

from abc import ABC, abstractmethod

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.data.file_format import FileFormat
from pipeline.families.table.data.counting import Index, distinct
from pipeline.families.table.data.encoding import floats, standardised
from pipeline.families.table.data.schema import Numeric


class Binner(ABC):
    """Assigns each value to a bin.

    Attributes:
        kind: `categorical` or `numeric`.
        size: Number of bins; an unknown category gets the index `size`.
    """

    kind: str
    size: int

    @abstractmethod
    def bin_indices(self, values: pa.Array) -> Index:
        """Return the bin index of each value."""


class TextBinner(Binner):
    """One bin per category."""

    kind = "categorical"

    def __init__(self, texts: pa.Array) -> None:
        self._texts = texts
        self.size = len(texts) + 1

    def bin_indices(self, values: pa.Array) -> Index:
        """Return the bin index of each value."""
        texts, places = distinct(values)
        known = pc.fill_null(pc.index_in(texts, value_set=self._texts), self.size - 1).to_numpy() + 1
        bins: Index = np.append(known, 0).astype(np.int32)[places]
        return bins


class NumberBinner(Binner):
    """One bin per quantile of the training rows."""

    kind = "numeric"

    def __init__(self, column: Numeric, form: FileFormat) -> None:
        self._column, self._form = column, form
        self._edges = np.unique(np.array(column.quantiles[1:], dtype=np.float32))
        self.size = len(self._edges) + 2

    def bin_indices(self, values: pa.Array) -> Index:
        """Return the bin index of each value."""
        numbers = floats(values, self._column.name, self._form)
        bins = np.searchsorted(self._edges, standardised(numbers, self._column), side="left") + 1
        bins[np.isnan(numbers)] = 0
        return bins.astype(np.int32)
