"""Typed settings: composed from `conf/`, checked whole before anything runs."""

from pipeline.config.compose import PARAMS, dump, flatten, load, out_of_sync, tracking_uri
from pipeline.config.config import Config, check, checked
from pipeline.config.entry import changes, command, guarded
from pipeline.config.errors import ConfigError, InterruptedRunError, did_you_mean, no_such
from pipeline.config.language import TEXT_MONITORS, TextData, TextEvaluate, TextTrain
from pipeline.config.sections import Evaluate, Section, Tracking, Train
from pipeline.config.table import MONITORS, Calendar, EmbeddingMlp, Join, TableData, TableTrain
from pipeline.config.text import figure
from pipeline.config.threshold import THRESHOLD_MONITORS, ThresholdData
from pipeline.config.translation import TRANSLATION_MONITORS, TranslationData, TranslationEvaluate, TranslationTrain
from pipeline.storage import PipelineError

__all__ = [
    "MONITORS",
    "PARAMS",
    "TEXT_MONITORS",
    "THRESHOLD_MONITORS",
    "TRANSLATION_MONITORS",
    "Calendar",
    "Config",
    "ConfigError",
    "EmbeddingMlp",
    "Evaluate",
    "InterruptedRunError",
    "Join",
    "PipelineError",
    "Section",
    "TableData",
    "TableTrain",
    "TextData",
    "TextEvaluate",
    "TextTrain",
    "ThresholdData",
    "Tracking",
    "Train",
    "TranslationData",
    "TranslationEvaluate",
    "TranslationTrain",
    "changes",
    "check",
    "checked",
    "command",
    "did_you_mean",
    "dump",
    "figure",
    "flatten",
    "guarded",
    "load",
    "no_such",
    "out_of_sync",
    "tracking_uri",
]
