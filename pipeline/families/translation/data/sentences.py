"""Encoded sentences of one split, stored in one folder."""

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
    """Sentence pairs of one split.

    Attributes:
        source: Word numbers of the source sentences, shape (pairs, positions): start, words, end, then padding.
        target: Word numbers of the target sentences, in the same layout.
        source_text: Source sentences as text.
        target_text: Target sentences as text.
    """

    source: Numbers
    target: Numbers
    source_text: list[str]
    target_text: list[str]

    def __len__(self) -> int:
        return len(self.source)

    def save(self, folder: Path) -> None:
        """Write two arrays and two text files to a new folder."""
        folder.mkdir(parents=True)
        np.save(folder / "source.npy", self.source)
        np.save(folder / "target.npy", self.target)
        for side, lines in (("source", self.source_text), ("target", self.target_text)):
            (folder / f"{side}.txt").write_bytes("".join(f"{line}\n" for line in lines).encode())

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Load a folder that `save` wrote."""
        # Read as bytes: a carriage return within a sentence does not end a line.
        texts = [(folder / f"{side}.txt").read_bytes().decode().split("\n")[:-1] for side in ("source", "target")]
        return cls(np.load(folder / "source.npy"), np.load(folder / "target.npy"), *texts)


def padded(sentences: Sequence[Sequence[int]], length: int | None = None) -> Numbers:
    """Return sentences of different lengths as one padded array, shape (sentences, length).

    Args:
        sentences: Word numbers of each sentence.
        length: Width of the array; None for the length of the longest sentence.
    """
    width = length if length is not None else max(map(len, sentences), default=0)
    array = np.full((len(sentences), width), PADDING, np.int32)
    for row, numbers in zip(array, sentences, strict=True):
        row[: len(numbers)] = numbers
    return array


def fitted(sentences: Numbers, width: int) -> Numbers:
    """Return sentences padded or truncated to a width; a truncated sentence still finishes with the end token."""
    result = np.pad(sentences[:, :width], ((0, 0), (0, max(0, width - sentences.shape[1]))))
    if sentences.shape[1] > width:
        result[sentences[:, width] != PADDING, -1] = END
    return result
