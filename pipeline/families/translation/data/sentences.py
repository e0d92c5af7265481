"""Sentences as numbers, one split in one folder."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np
import numpy.typing as npt

from pipeline.families.translation.data.tokens import END, PADDING

Numbers = npt.NDArray[np.int32]


@dataclass(frozen=True)
class Sentences:
    """Pairs of one split.

    Attributes:
        source: `(pairs, positions)` from start to end, then padding.
        target: Likewise.
        source_text: As the corpus has them.
        target_text: Likewise.
    """

    source: Numbers
    target: Numbers
    source_text: list[str]
    target_text: list[str]

    def __len__(self) -> int:
        return len(self.source)

    def save(self, folder: Path) -> None:
        """Write two arrays and two texts."""
        folder.mkdir(parents=True)
        np.save(folder / "source.npy", self.source)
        np.save(folder / "target.npy", self.target)
        for side, lines in (("source", self.source_text), ("target", self.target_text)):
            (folder / f"{side}.txt").write_bytes("".join(f"{line}\n" for line in lines).encode())

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read what `save` wrote."""
        # As bytes: a carriage return within a sentence is no end of a line.
        texts = [(folder / f"{side}.txt").read_bytes().decode().split("\n")[:-1] for side in ("source", "target")]
        return cls(np.load(folder / "source.npy"), np.load(folder / "target.npy"), *texts)


def padded(sentences: Sequence[Sequence[int]], length: int | None = None) -> Numbers:
    """Put sentences of different length into one array, `(sentences, length)`.

    Args:
        sentences: Their numbers.
        length: Of all; None for the longest.
    """
    width = length if length is not None else max(map(len, sentences), default=0)
    array = np.full((len(sentences), width), PADDING, np.int32)
    for row, numbers in zip(array, sentences, strict=True):
        row[: len(numbers)] = numbers
    return array


def fitted(sentences: Numbers, width: int) -> Numbers:
    """Give sentences one width; of those that are longer the rest is cut, and what is left ends."""
    found = np.pad(sentences[:, :width], ((0, 0), (0, max(0, width - sentences.shape[1]))))
    if sentences.shape[1] > width:
        found[sentences[:, width] != PADDING, -1] = END
    return found
