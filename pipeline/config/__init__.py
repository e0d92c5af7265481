"""Typed settings: composed from `conf/` and validated before anything runs."""

from pipeline.config.arguments import add_confidence, add_store, store_of
from pipeline.config.compose import PARAMS, dump, flatten, load, out_of_sync, section_of, tracking_uri
from pipeline.config.config import Config, check, checked, with_values
from pipeline.config.differences import changes
from pipeline.config.entry import command, guarded
from pipeline.config.errors import ConfigError, InterruptedRunError, did_you_mean, no_such
from pipeline.config.formatting import format_score, in_markdown
from pipeline.config.registry import Family, Option, families, family_names, family_of
from pipeline.config.sections import Evaluate, Section, Tracking, Train
from pipeline.storage import PipelineError

__all__ = [
    "PARAMS",
    "Config",
    "ConfigError",
    "Evaluate",
    "Family",
    "InterruptedRunError",
    "Option",
    "PipelineError",
    "Section",
    "Tracking",
    "Train",
    "add_confidence",
    "add_store",
    "changes",
    "check",
    "checked",
    "command",
    "did_you_mean",
    "dump",
    "families",
    "family_names",
    "family_of",
    "flatten",
    "format_score",
    "guarded",
    "in_markdown",
    "load",
    "no_such",
    "out_of_sync",
    "section_of",
    "store_of",
    "tracking_uri",
    "with_values",
]
