"""Export of trained networks for use outside the project."""

import pipeline.models.backend  # noqa: F401  (must come first: loads Keras without its start-up messages)
from pipeline.exporting.bundle import write_bundle
from pipeline.exporting.errors import ExportError
from pipeline.exporting.formats import FORMATS, Format, export, graph_in_keras
from pipeline.exporting.graph import graph_of
from pipeline.models.bundle_spec import BundleSpec

__all__ = ["FORMATS", "BundleSpec", "ExportError", "Format", "export", "graph_in_keras", "graph_of", "write_bundle"]
