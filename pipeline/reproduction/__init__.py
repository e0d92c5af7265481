"""Reproduce a recorded run in a separate folder, and compare both."""

from pipeline.reproduction.comparison import Comparison, compared
from pipeline.reproduction.data import bring_data, from_dvc
from pipeline.reproduction.environment import environment_differences
from pipeline.reproduction.errors import RebuildError
from pipeline.reproduction.worktree import rebuilt

__all__ = ["Comparison", "RebuildError", "bring_data", "compared", "environment_differences", "from_dvc", "rebuilt"]
