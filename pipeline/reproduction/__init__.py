"""Make a recorded run again, in a folder of its own, and compare the two."""

from pipeline.reproduction.comparison import Comparison, compared
from pipeline.reproduction.data import bring_data, from_dvc
from pipeline.reproduction.environment import environment_differences
from pipeline.reproduction.errors import RebuildError
from pipeline.reproduction.worktree import rebuilt

__all__ = ["Comparison", "RebuildError", "bring_data", "compared", "environment_differences", "from_dvc", "rebuilt"]
