"""Networks for use elsewhere."""

from pipeline.exporting.errors import ExportError
from pipeline.exporting.graph import graph_of

__all__ = ["ExportError", "graph_of"]
