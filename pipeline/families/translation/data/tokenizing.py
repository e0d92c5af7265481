"""Cut sentences into words, characters or learned pieces, and put them together again.

The standard library alone, but for pieces: those are sentencepiece's, which must be installed for them.
"""

from __future__ import annotations

import importlib
import re
import sys
import unicodedata
from abc import ABC, abstractmethod
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

JOINER = "￭"
"""Before a word that had no space before it."""
SPACE = "▁"
"""A space as a character of its own."""


class Tokenizer(ABC):
    """Cuts, and undoes it."""

    @abstractmethod
    def tokens(self, text: str) -> list[str]:
        """Cut a sentence."""

    @abstractmethod
    def text(self, tokens: Sequence[str]) -> str:
        """Put tokens together."""

    @property
    def learned(self) -> bytes | None:
        """What was learned from sentences; None where the name says all."""
        return None


class _Whitespace(Tokenizer):
    def tokens(self, text: str) -> list[str]:
        return text.split()

    def text(self, tokens: Sequence[str]) -> str:
        return " ".join(tokens)


@cache
def _word() -> re.Pattern[str]:
    # Marks that belong to a letter, vowels in many scripts, are none of `\w`.
    marks = "".join(chr(code) for code in range(sys.maxunicode + 1) if unicodedata.category(chr(code))[0] == "M")
    letters = rf"[\w{marks}]+"
    return re.compile(rf"{letters}(?:['’]{letters})*|[^\w\s]")


class _Word(Tokenizer):
    def tokens(self, text: str) -> list[str]:
        found, end = [], 0
        for match in _word().finditer(text):
            is_joined = match.start() == end and end > 0
            found.append(f"{JOINER if is_joined else ''}{match.group()}")
            end = match.end()
        return found

    def text(self, tokens: Sequence[str]) -> str:
        return "".join(t[1:] if t.startswith(JOINER) else f" {t}" for t in tokens).strip()


class _Character(Tokenizer):
    def tokens(self, text: str) -> list[str]:
        return [SPACE if character == " " else character for character in " ".join(text.split())]

    def text(self, tokens: Sequence[str]) -> str:
        return "".join(tokens).replace(SPACE, " ")


class _Pieces(Tokenizer):
    def __init__(self, model: bytes) -> None:
        try:
            sentencepiece: Any = importlib.import_module("sentencepiece")
        except ImportError as error:
            raise ImportError("these sentences are cut by sentencepiece: pip install sentencepiece") from error
        self._model = model
        self._processor = sentencepiece.SentencePieceProcessor(model_proto=model)

    def tokens(self, text: str) -> list[str]:
        found: list[str] = self._processor.encode(text, out_type=str)
        return found

    def text(self, tokens: Sequence[str]) -> str:
        joined: str = self._processor.decode(list(tokens))
        return joined

    @property
    def learned(self) -> bytes | None:
        return self._model


PLAIN: dict[str, type[Tokenizer]] = {"whitespace": _Whitespace, "word": _Word, "character": _Character}


def tokenizer_for(name: str, model: Path) -> Tokenizer:
    """Return a tokenizer.

    Args:
        name: `whitespace`, `word`, `character`, `unigram` or `bpe`.
        model: Of the last two, the file with what they learned.
    """
    return PLAIN[name]() if name in PLAIN else pieces(model.read_bytes())


def pieces(model: bytes) -> Tokenizer:
    """Return a tokenizer of what sentencepiece learned.

    Raises:
        ModuleNotFoundError: sentencepiece is not installed.
    """
    return _Pieces(model)
