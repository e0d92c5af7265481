"""What may be wrong with a clone, each finding with its remedy."""

from pipeline.checkup.dvc import dvc_files
from pipeline.checkup.environment import environment, threads
from pipeline.checkup.finding import Finding
from pipeline.checkup.record import databases, record
from pipeline.checkup.settings import prepared, settings
from pipeline.checkup.work import leftovers, room

BEFORE_DVC = (dvc_files,)
"""What would stop `dvc` itself."""
ALL = (environment, threads, settings, prepared, dvc_files, databases, record, leftovers, room)

__all__ = ["ALL", "BEFORE_DVC", "Finding"]
