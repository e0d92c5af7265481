"""Schema of a prepared text: what a network, and prediction with it, need to know."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from pipeline.data.errors import DataError
from pipeline.data.schema_json import StoredSchema

UNKNOWN = "\N{REPLACEMENT CHARACTER}"
"""Replaces the characters that are too rare to be learned."""
CONTEXT = 200
"""Number of characters before a held-out part that a network reads unscored; equals the widest window."""
Numbers = npt.NDArray[np.int32]


@dataclass(frozen=True)
class TextSchema(StoredSchema):
    """Facts about a prepared text.

    Attributes:
        characters: The characters that the network knows, in order of their numbers.
        lowercase: Whether the text is lower-cased first.
        lengths: Number of characters per split.
        rare: Number of occurrences of characters that `UNKNOWN` replaces.
        sha256: SHA-256 of the raw text.
    """

    FORMAT: ClassVar[int] = 1
    TASK: ClassVar[str] = "text"
    characters: str
    lowercase: bool
    lengths: dict[str, int]
    rare: int
    sha256: str

    @cached_property
    def _codes(self) -> npt.NDArray[np.uint32]:
        return code_points(self.characters)

    def numbers(self, text: str) -> Numbers:
        """Return the numbers of a text's characters, shape (characters,).

        Raises:
            DataError: If a character does not occur in the training text and no characters were rare.
        """
        points = code_points(text.lower() if self.lowercase else text)
        numbers = np.minimum(np.searchsorted(self._codes, points), len(self._codes) - 1)
        is_known = self._codes[numbers] == points
        if not is_known.all():
            if not self.rare:
                unknown = "".join(dict.fromkeys(map(chr, points[~is_known].tolist())))
                more = f" and {len(unknown) - 10} more" if len(unknown) > 10 else ""
                raise DataError(
                    f"characters that do not occur in the training text: {unknown[:10]!r}{more}; known characters: "
                    f"{self.characters[:120]!r}"
                )
            numbers = np.where(is_known, numbers, self.characters.index(UNKNOWN))
        return numbers.astype(np.int32)

    def text(self, numbers: Sequence[int] | Numbers) -> str:
        """Return the text of character numbers, the inverse of `numbers`."""
        return "".join(self.characters[number] for number in np.asarray(numbers).tolist())


def code_points(text: str) -> npt.NDArray[np.uint32]:
    """Return the Unicode code points of a text."""
    return np.frombuffer(text.encode("utf-32-le", "surrogatepass"), np.dtype("<u4"))


def load_part(folder: Path, split: str) -> Numbers:
    """Load a split as character numbers, shape (characters,); held-out parts are preceded by their context.

    The context has up to `CONTEXT` characters.
    """
    numbers: Numbers = np.load(folder / split / "text.npy")
    return numbers
