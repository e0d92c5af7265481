"""Make a recorded run again, in a folder of its own, and compare the two."""

from pipeline.rebuilding.comparison import Comparison, compared
from pipeline.rebuilding.data import bring_data, from_dvc
from pipeline.rebuilding.environment import environment_differences
from pipeline.rebuilding.errors import RebuildError
from pipeline.rebuilding.worktree import rebuilt

__all__ = ["Comparison", "RebuildError", "bring_data", "compared", "environment_differences", "from_dvc", "rebuilt"]
