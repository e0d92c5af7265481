"""Fetch raw files, read tables and draw splits."""

from pipeline.data.errors import DataError
from pipeline.data.reading import BLOCK as SAMPLE_BYTES
from pipeline.data.reading import first_rows, header, sample
from pipeline.data.sources import fetch
from pipeline.data.splits import SPLITS

__all__ = [
    "SAMPLE_BYTES",
    "SPLITS",
    "DataError",
    "fetch",
    "first_rows",
    "header",
    "sample",
]
