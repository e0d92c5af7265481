"""What was found in a text: all that a network and its use need to know of it."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from pipeline.data.errors import DataError
from pipeline.data.schema_json import read_schema, write_schema
from pipeline.families.text.settings import MONITORS

FORMAT = 1
UNKNOWN = "\N{REPLACEMENT CHARACTER}"
"""Stands for the characters that are too rare to be learned."""
CONTEXT = 200
"""Characters before a held-out part that a network may read before its first one counts; the widest window."""
Numbers = npt.NDArray[np.int32]


@dataclass(frozen=True)
class TextSchema:
    """Facts about a prepared text.

    Attributes:
        task: Of the pipeline.
        prepared: The data section.
        characters: That the network knows, by number.
        lowercase: Whether the text is lower-cased first.
        lengths: Characters, by split.
        rare: Characters of the text that stand for `UNKNOWN`, all occurrences counted.
        sha256: Of the text as it was found.
    """

    task: str
    prepared: dict[str, Any]
    characters: str
    lowercase: bool
    lengths: dict[str, int]
    rare: int
    sha256: str

    @cached_property
    def _codes(self) -> npt.NDArray[np.uint32]:
        return code_points(self.characters)

    def numbers(self, text: str) -> Numbers:
        """Return the numbers of characters, `(characters,)`.

        Raises:
            DataError: Characters that the text did not have.
        """
        points = code_points(text.lower() if self.lowercase else text)
        places = np.minimum(np.searchsorted(self._codes, points), len(self._codes) - 1)
        is_known = self._codes[places] == points
        if not is_known.all():
            if not self.rare:
                unknown = "".join(dict.fromkeys(map(chr, points[~is_known].tolist())))
                more = f" and {len(unknown) - 10} more" if len(unknown) > 10 else ""
                raise DataError(
                    f"characters that the text of the training does not have: {unknown[:10]!r}{more}; it has "
                    f"{self.characters[:120]!r}"
                )
            places = np.where(is_known, places, self.characters.index(UNKNOWN))
        return places.astype(np.int32)

    def text(self, numbers: Sequence[int] | Numbers) -> str:
        """Undo `numbers`."""
        return "".join(self.characters[number] for number in np.asarray(numbers).tolist())

    @property
    def monitors(self) -> tuple[str, ...]:
        """Validation scores that `train.monitor` may name."""
        return tuple(MONITORS)

    def save(self, folder: Path) -> None:
        """Write `schema.json`."""
        write_schema(folder, FORMAT, asdict(self))

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read what `save` wrote.

        Raises:
            DataError: There is none, or one of another version.
        """
        return cls(**read_schema(folder, "text", FORMAT))


def code_points(text: str) -> npt.NDArray[np.uint32]:
    """Return the characters' numbers in Unicode."""
    return np.frombuffer(text.encode("utf-32-le", "surrogatepass"), np.dtype("<u4"))


def load_part(folder: Path, split: str) -> Numbers:
    """Read a split of a prepared text as numbers, `(characters,)`; held-out parts come after `CONTEXT` more."""
    numbers: Numbers = np.load(folder / split / "text.npy")
    return numbers
