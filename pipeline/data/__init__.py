"""Sources, tables, splits and codes."""

from pipeline.data.arrays import Arrays
from pipeline.data.errors import DataError
from pipeline.data.guessing import Guess, guess
from pipeline.data.holdout import Holdout
from pipeline.data.layout import Derived, Layout, Side
from pipeline.data.prepare import prepare
from pipeline.data.reading import BLOCK as SAMPLE_BYTES
from pipeline.data.reading import first_rows, header, sample
from pipeline.data.schema import Categorical, Numeric, Schema
from pipeline.data.sources import fetch
from pipeline.data.splits import SPLITS
from pipeline.data.tables import Table, stream
from pipeline.data.targets import Target

__all__ = [
    "SAMPLE_BYTES",
    "SPLITS",
    "Arrays",
    "Categorical",
    "DataError",
    "Derived",
    "Guess",
    "Holdout",
    "Layout",
    "Numeric",
    "Schema",
    "Side",
    "Table",
    "Target",
    "fetch",
    "first_rows",
    "guess",
    "header",
    "prepare",
    "sample",
    "stream",
]
