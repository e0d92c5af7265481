"""How well each character of a text was predicted."""

from typing import Any

import numpy as np
import numpy.typing as npt

Vector = npt.NDArray[np.floating[Any]]
PIECE = 1000
"""Characters of a piece: neighbours are no independent witnesses, pieces are resampled as a whole."""
FEWEST = 20
"""Pieces of a text that is too short for so many of that length."""


class TextScores:
    """Scores of a text, whose pieces may count more or less.

    Args:
        losses: Of each character, in nats, `(characters,)`.
        right: Whether the most probable character was the right one, likewise.
    """

    def __init__(self, losses: Vector, right: npt.NDArray[np.bool_]) -> None:
        starts = np.arange(0, len(losses), max(1, min(PIECE, len(losses) // FEWEST)))
        self._loss = np.add.reduceat(losses.astype(np.float64), starts)
        self._right = np.add.reduceat(right.astype(np.float64), starts)
        self._count = np.diff(np.append(starts, len(losses))).astype(np.float64)

    def __len__(self) -> int:
        return len(self._count)

    def __call__(self, weight: Vector) -> dict[str, float]:
        """Score under weights of the pieces, `(pieces,)`.

        Returns:
            `bits_per_char` (cross-entropy to the base 2), `perplexity` (of a character) and `accuracy`.
        """
        count = self._count @ weight
        loss = float(self._loss @ weight / count)
        return {
            "bits_per_char": loss / float(np.log(2)),
            "perplexity": float(np.exp(loss)),
            "accuracy": float(self._right @ weight / count),
        }

    def by_place(self) -> dict[str, list[float]]:
        """Return the curve of `bits_per_char` along the text: the `character` with which each piece begins."""
        places = np.concatenate([[0.0], np.cumsum(self._count)[:-1]])
        return {
            "character": places.tolist(),
            "bits_per_char": (self._loss / self._count / np.log(2)).tolist(),
        }
