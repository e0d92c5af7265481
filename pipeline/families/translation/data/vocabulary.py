"""Words and their numbers."""

from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Self

from pipeline.data.errors import DataError
from pipeline.families.translation.data.tokens import END, START, UNKNOWN
from pipeline.storage import write_text

SPECIAL = ("<pad>", "<unk>", "<start>", "<end>")


class Vocabulary:
    """Words by number; the first four have a meaning of their own.

    Args:
        words: Without those four.
    """

    def __init__(self, words: Sequence[str]) -> None:
        self.words = [*SPECIAL, *words]
        self._numbers = {word: number for number, word in enumerate(self.words)}

    def __len__(self) -> int:
        return len(self.words)

    @classmethod
    def of(cls, sentences: Iterable[Sequence[str]], size: int, min_count: int) -> Self:
        """Count words; the most frequent first, of equals the first by code point.

        Args:
            sentences: Their words.
            size: So many words at most, the four included; 0 for all.
            min_count: Words seen less often are left out.
        """
        counts = Counter(word for sentence in sentences for word in sentence if word not in SPECIAL)
        words = [word for word, count in sorted(counts.items(), key=lambda e: (-e[1], e[0])) if count >= min_count]
        return cls(words[: size - len(SPECIAL)] if size else words)

    def numbers(self, words: Sequence[str]) -> list[int]:
        """Return the numbers of words, between start and end."""
        return [START, *(self.number(word) for word in words), END]

    def number(self, word: str) -> int:
        """Return a word's number. A word that is spelled as one of the four is unknown."""
        found = self._numbers.get(word, UNKNOWN)
        return found if found >= len(SPECIAL) else UNKNOWN

    def save(self, path: Path) -> None:
        """Write a word a line."""
        write_text(path, "".join(f"{word}\n" for word in self.words))

    @classmethod
    def load(cls, path: Path, expected: int) -> Self:
        """Read what `save` wrote.

        Raises:
            DataError: No such file, or not as many words as expected.
        """
        try:
            words = path.read_text(encoding="utf-8").split("\n")[:-1]
        except (OSError, UnicodeDecodeError) as error:
            raise DataError(f"{path}: no vocabulary: {error}") from error
        if len(words) != expected or tuple(words[: len(SPECIAL)]) != SPECIAL:
            raise DataError(
                f"{path}: {len(words):,} words, beginning {' '.join(words[:4])}; expected {expected:,}, beginning "
                f"{' '.join(SPECIAL)}: it is not the one that the network was trained with"
            )
        return cls(words[len(SPECIAL) :])
