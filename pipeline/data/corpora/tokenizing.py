"""Cut sentences into words, characters or learned pieces, and put them together again."""

import io
import re
import sys
import unicodedata
from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from functools import cache
from pathlib import Path

from pipeline.data.errors import DataError

JOINER = "￭"
"""Before a word that had no space before it."""
SPACE = "▁"
"""A space as a character of its own."""
PIECES = 8000


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
        import sentencepiece

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
    return PLAIN[name]() if name in PLAIN else _Pieces(model.read_bytes())


def learned(name: str, sentences: Iterable[str], pieces: int, seed: int) -> Tokenizer:
    """Return a tokenizer that fits sentences; those that learn nothing are as they are.

    Args:
        name: See `tokenizer_for`.
        sentences: To learn from.
        pieces: At most; 0 for 8000.
        seed: Of sentencepiece.

    Raises:
        DataError: More pieces than the sentences have, or so few that not even the characters find place.
    """
    if name in PLAIN:
        return PLAIN[name]()
    import sentencepiece

    sentencepiece.set_random_generator_seed(seed)
    sentencepiece.set_min_log_level(2)
    model = io.BytesIO()
    try:
        sentencepiece.SentencePieceTrainer.train(
            sentence_iterator=iter(sentences),
            model_writer=model,
            vocab_size=pieces or PIECES,
            model_type=name,
            character_coverage=0.9999,
            hard_vocab_limit=False,
            num_threads=1,
        )
    except (RuntimeError, OSError) as error:
        raise DataError(f"tokenizer {name} with {pieces or PIECES} pieces: {str(error).splitlines()[-1]}") from error
    return _Pieces(model.getvalue())
