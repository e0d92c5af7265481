"""Fetch raw files, read tables and draw splits."""

from pipeline.data.errors import DataError
from pipeline.data.reading import header, sample
from pipeline.data.sources import fetch
from pipeline.data.splits import SPLITS

__all__ = [
    "SPLITS",
    "DataError",
    "fetch",
    "header",
    "sample",
]
