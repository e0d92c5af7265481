"""Checks of a clone; each finding comes with its remedy."""

from pipeline.diagnosis.dvc import dvc_files
from pipeline.diagnosis.environment import environment, threads
from pipeline.diagnosis.finding import Finding
from pipeline.diagnosis.record import databases, record
from pipeline.diagnosis.settings import prepared, settings
from pipeline.diagnosis.work import leftovers, room

BEFORE_DVC = (dvc_files,)
"""Checks for problems that would stop `dvc` itself."""
ALL = (environment, threads, settings, prepared, dvc_files, databases, record, leftovers, room)

__all__ = ["ALL", "BEFORE_DVC", "Finding"]
