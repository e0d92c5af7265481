"""Scores of character predictions."""

from typing import Any

import numpy as np
import numpy.typing as npt

Vector = npt.NDArray[np.floating[Any]]
PIECE = 1000
"""Number of characters per piece: neighbouring characters are not independent, so whole pieces are resampled."""
FEWEST = 20
"""Minimum number of pieces; shorter texts have shorter pieces."""


class TextScores:
    """Scores of a text for any weights of its pieces.

    Args:
        losses: Loss of each character in nats, shape (characters,).
        right: Whether the most probable character was the correct one, shape (characters,).

    Attributes:
        starts: Position of each piece's first character, shape (pieces,).
    """

    def __init__(self, losses: Vector, right: npt.NDArray[np.bool_]) -> None:
        self.starts = np.arange(0, len(losses), max(1, min(PIECE, len(losses) // FEWEST)))
        self._loss = np.add.reduceat(losses.astype(np.float64), self.starts)
        self._right = np.add.reduceat(right.astype(np.float64), self.starts)
        self._count = np.diff(np.append(self.starts, len(losses))).astype(np.float64)

    def __len__(self) -> int:
        return len(self._count)

    def __call__(self, weight: Vector) -> dict[str, float]:
        """Return the scores for weights of the pieces, shape (pieces,).

        Returns:
            `bits_per_char` (cross-entropy to the base 2), `perplexity` (per character) and `accuracy`.
        """
        count = self._count @ weight
        loss = float(self._loss @ weight / count)
        return {
            "bits_per_char": loss / float(np.log(2)),
            "perplexity": float(np.exp(loss)),
            "accuracy": float(self._right @ weight / count),
        }

    def by_place(self) -> dict[str, list[float]]:
        """Return `bits_per_char` of each piece, and the index of the `character` with which it begins."""
        return {
            "character": self.starts.astype(np.float64).tolist(),
            "bits_per_char": (self._loss / self._count / np.log(2)).tolist(),
        }
