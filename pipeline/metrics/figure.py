"""Figures in which names from data are text: a dollar sign begins no formula."""

import matplotlib
from matplotlib.figure import Figure

__all__ = ["Figure"]

matplotlib.rcParams["text.parse_math"] = False
