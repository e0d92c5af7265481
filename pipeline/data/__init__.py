"""Sources, tables, splits and codes."""

from pipeline.data.arrays import Arrays
from pipeline.data.encoding import encode_categorical, encode_numeric
from pipeline.data.errors import DataError
from pipeline.data.prepare import Holdout, Target, prepare
from pipeline.data.schema import Categorical, Numeric, Schema
from pipeline.data.sources import fetch
from pipeline.data.splits import SPLITS, split_groups
from pipeline.data.tables import Derived, Layout, Side, assemble, derive, raw_batches

__all__ = [
    "SPLITS",
    "Arrays",
    "Categorical",
    "DataError",
    "Derived",
    "Holdout",
    "Layout",
    "Numeric",
    "Schema",
    "Side",
    "Target",
    "assemble",
    "derive",
    "encode_categorical",
    "encode_numeric",
    "fetch",
    "prepare",
    "raw_batches",
    "split_groups",
]
