"""Share of words with the right tag, with weights of the sentences."""

from typing import Any

import numpy.typing as npt


class TagScores:
    def __init__(self, target: npt.NDArray[Any], predicted: npt.NDArray[Any]) -> None:
        self._words = (target > 0).sum(axis=1)
        self._right = ((target > 0) & (target == predicted)).sum(axis=1)

    def __len__(self) -> int:
        return len(self._words)

    def __call__(self, weight: npt.NDArray[Any]) -> dict[str, float]:
        return {"accuracy": float(weight @ self._right / max(weight @ self._words, 1))}
