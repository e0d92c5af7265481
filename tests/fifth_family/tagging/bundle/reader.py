"""Tags sentences. NumPy only."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.portable.errors import BundleError
from pipeline.portable.request_fields import fields_of


class TagReader:
    def __init__(self, networks: Mapping[str, Any], facts: Mapping[str, Any], _folder: Path) -> None:
        self._network, self._tags, self._length = networks["network"], facts["tags"], facts["max_length"]
        self._numbers = {word: number for number, word in enumerate(facts["words"], start=1)}

    field = "sentences"

    def describe(self) -> dict[str, Any]:
        return {"sentences": "texts", "predictions": "tags"}

    def answer(self, request: Any) -> list[str]:
        sentences, _ = fields_of(request, self.field, {})
        return self(sentences)

    def __call__(self, sentences: Sequence[str]) -> list[str]:
        if isinstance(sentences, str):
            raise BundleError(f"expected a list of sentences, received {sentences!r}")
        words = [sentence.split()[: self._length] for sentence in sentences]
        rows = np.zeros((len(words), self._length), np.int32)
        for row, sentence in zip(rows, words, strict=True):
            row[: len(sentence)] = [self._numbers.get(word, 0) for word in sentence]
        tags = np.asarray(self._network(words=rows))[..., 1:].argmax(axis=-1)
        return [
            " ".join(self._tags[tag] for tag in row[: len(sentence)]) for row, sentence in zip(tags, words, strict=True)
        ]
