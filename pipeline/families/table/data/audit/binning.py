"""Places of values: 0 for none, then categories or the quantiles of a number."""

from abc import ABC, abstractmethod

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.families.table.data.counting import Index, distinct
from pipeline.families.table.data.encoding import floats, standardised
from pipeline.families.table.data.schema import Numeric


class Ruler(ABC):
    """Gives a value its place.

    Attributes:
        kind: categorical or numeric.
        size: Of the places; the place of a category that is not known is `size`.
    """

    kind: str
    size: int

    @abstractmethod
    def places(self, values: pa.Array) -> Index:
        """Return the place of each value."""


class TextRuler(Ruler):
    """One place a category."""

    kind = "categorical"

    def __init__(self, texts: pa.Array) -> None:
        self._texts = texts
        self.size = len(texts) + 1

    def places(self, values: pa.Array) -> Index:
        """Return the place of each value."""
        texts, places = distinct(values)
        known = pc.fill_null(pc.index_in(texts, value_set=self._texts), self.size - 1).to_numpy() + 1
        found: Index = np.append(known, 0).astype(np.int32)[places]
        return found


class NumberRuler(Ruler):
    """One place a quantile of the training rows."""

    kind = "numeric"

    def __init__(self, column: Numeric) -> None:
        self._column = column
        self._edges = np.unique(np.array(column.quantiles[1:], dtype=np.float32))
        self.size = len(self._edges) + 2

    def places(self, values: pa.Array) -> Index:
        """Return the place of each value."""
        numbers = floats(values, self._column.name)
        places = np.searchsorted(self._edges, standardised(numbers, self._column), side="left") + 1
        places[np.isnan(numbers)] = 0
        return places.astype(np.int32)
