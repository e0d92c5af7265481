"""Tokenizers: sentences to words, characters or learned subword pieces, and back.

Uses only the standard library; subword pieces additionally need sentencepiece.
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
"""Prefix of a token that had no space before it."""
SPACE = "▁"
"""Token that stands for a space."""


def is_written(text: str) -> bool:
    """Return whether a text has a character that is seen: blanks and zero-width characters alone are nothing."""
    return any(character.isprintable() and not character.isspace() for character in text)


class Tokenizer(ABC):
    """Splits text into tokens, and joins tokens into text."""

    @abstractmethod
    def tokens(self, text: str) -> list[str]:
        """Split a sentence into tokens."""

    @abstractmethod
    def text(self, tokens: Sequence[str]) -> str:
        """Join tokens into a sentence."""

    @property
    def learned(self) -> bytes | None:
        """Serialized sentencepiece model; None for tokenizers that learn nothing."""
        return None


class _Whitespace(Tokenizer):
    def tokens(self, text: str) -> list[str]:
        return text.split()

    def text(self, tokens: Sequence[str]) -> str:
        return " ".join(tokens)


@cache
def _word() -> re.Pattern[str]:
    # `\w` does not match combining marks, which are vowels in many scripts.
    marks = "".join(chr(code) for code in range(sys.maxunicode + 1) if unicodedata.category(chr(code))[0] == "M")
    letters = rf"[\w{marks}]+"
    return re.compile(rf"{letters}(?:['’]{letters})*|[^\w\s]")


class _Word(Tokenizer):
    def tokens(self, text: str) -> list[str]:
        words, end = [], 0
        for match in _word().finditer(text):
            is_joined = match.start() == end and end > 0
            words.append(f"{JOINER if is_joined else ''}{match.group()}")
            end = match.end()
        return words

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
            raise ImportError(
                "this model tokenizes with sentencepiece, which is not installed: `pip install sentencepiece`"
            ) from error
        self._model = model
        self._processor = sentencepiece.SentencePieceProcessor(model_proto=model)

    def tokens(self, text: str) -> list[str]:
        pieces: list[str] = self._processor.encode(text, out_type=str)
        return pieces

    def text(self, tokens: Sequence[str]) -> str:
        joined: str = self._processor.decode(list(tokens))
        return joined

    @property
    def learned(self) -> bytes | None:
        return self._model


PLAIN: dict[str, type[Tokenizer]] = {"whitespace": _Whitespace, "word": _Word, "character": _Character}


def tokenizer_for(name: str, model: Path) -> Tokenizer:
    """Return a tokenizer by name.

    Args:
        name: One of `whitespace`, `word`, `character`, `unigram` and `bpe`.
        model: File of the sentencepiece model, read for `unigram` and `bpe` only.
    """
    return PLAIN[name]() if name in PLAIN else pieces(model.read_bytes())


def pieces(model: bytes) -> Tokenizer:
    """Return a tokenizer for a serialized sentencepiece model.

    Raises:
        ImportError: If sentencepiece is not installed.
    """
    return _Pieces(model)
