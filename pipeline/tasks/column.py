"""Columns of raw input and of predictions."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Column:
    """A column of raw input or of predictions, as the signature of a logged model names it."""

    name: str
    is_number: bool
