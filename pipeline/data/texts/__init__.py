"""Texts, character by character."""

from pipeline.data.texts.prepare import TextSettings, prepare_text
from pipeline.data.texts.schema import CONTEXT, UNKNOWN, TextSchema, load_part

__all__ = ["CONTEXT", "UNKNOWN", "TextSchema", "TextSettings", "load_part", "prepare_text"]
