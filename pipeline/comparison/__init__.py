"""Compare runs: what differs between them, and whether one is better than another beyond chance."""

from pipeline.comparison.compared import Compared, Comparison, compared
from pipeline.comparison.page import page
from pipeline.comparison.text import report

__all__ = ["Compared", "Comparison", "compared", "page", "report"]
