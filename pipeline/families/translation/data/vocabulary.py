"""Vocabularies: words and their numbers."""

from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Self

from pipeline.data.errors import DataError
from pipeline.families.translation.data.tokens import END, START, UNKNOWN
from pipeline.storage import write_text

SPECIAL = ("<pad>", "<unk>", "<start>", "<end>")


class Vocabulary:
    """A mapping between words and numbers; the first four are the special tokens.

    Args:
        words: The words in order of their numbers, without the special tokens.
    """

    def __init__(self, words: Sequence[str]) -> None:
        self.words = [*SPECIAL, *words]
        self._numbers = {word: number for number, word in enumerate(self.words)}

    def __len__(self) -> int:
        return len(self.words)

    @classmethod
    def of(cls, sentences: Iterable[Sequence[str]], size: int, min_count: int) -> Self:
        """Build a vocabulary from sentences, most frequent words first; ties are in code point order.

        Args:
            sentences: Words of each sentence.
            size: Maximum number of words, including the four special tokens; 0 for no limit.
            min_count: Minimum number of occurrences; rarer words are left out.
        """
        counts = Counter(word for sentence in sentences for word in sentence if word not in SPECIAL)
        by_count = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
        words = [word for word, count in by_count if count >= min_count]
        return cls(words[: size - len(SPECIAL)] if size else words)

    def numbers(self, words: Sequence[str]) -> list[int]:
        """Return the numbers of a sentence's words, with start and end."""
        return [START, *(self.number(word) for word in words), END]

    def number(self, word: str) -> int:
        """Return a word's number. A word that is spelled like a special token is unknown."""
        number = self._numbers.get(word, UNKNOWN)
        return number if number >= len(SPECIAL) else UNKNOWN

    def save(self, path: Path) -> None:
        """Write one word per line."""
        write_text(path, "".join(f"{word}\n" for word in self.words))

    @classmethod
    def load(cls, path: Path, expected: int) -> Self:
        """Load a file that `save` wrote.

        Raises:
            DataError: If the file cannot be read or does not have the expected number of words.
        """
        try:
            words = path.read_text(encoding="utf-8").split("\n")[:-1]
        except (OSError, UnicodeDecodeError) as error:
            raise DataError(f"{path}: cannot read the vocabulary: {error}") from error
        if len(words) != expected or tuple(words[: len(SPECIAL)]) != SPECIAL:
            raise DataError(
                f"{path}: {len(words):,} words, the first {' '.join(words[:4])}; expected {expected:,}, the first "
                f"{' '.join(SPECIAL)}: this is not the vocabulary the network was trained with; restore that file"
            )
        return cls(words[len(SPECIAL) :])
