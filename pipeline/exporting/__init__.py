"""Networks for use elsewhere."""

from pipeline.exporting.bundle import Portable, write_bundle
from pipeline.exporting.errors import ExportError
from pipeline.exporting.graph import graph_of

__all__ = ["ExportError", "Portable", "graph_of", "write_bundle"]
