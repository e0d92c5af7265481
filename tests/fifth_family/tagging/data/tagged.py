"""Tagged sentences as numbers: words and tags from 1, 0 for padding and for unknown words."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
from pipeline.families.tagging.settings import TaggingData

from pipeline.data.schema_json import StoredSchema
from pipeline.storage import sealed_folder

Numbers = npt.NDArray[np.int32]


@dataclass(frozen=True)
class TaggingSchema(StoredSchema):
    FORMAT: ClassVar[int] = 1
    TASK: ClassVar[str] = "tagging"
    words: list[str]
    tags: list[str]
    max_length: int
    sentences: dict[str, int]

    def encode(self, sentences: list[list[str]], names: list[str]) -> Numbers:
        numbers = {name: number for number, name in enumerate(names, start=1)}
        rows = np.zeros((len(sentences), self.max_length), np.int32)
        for row, sentence in zip(rows, sentences, strict=True):
            kept = sentence[: self.max_length]
            row[: len(kept)] = [numbers.get(word, 0) for word in kept]
        return rows


def read_tagged(path: Path) -> tuple[list[list[str]], list[list[str]]]:
    pairs = [
        [token.rpartition("/")[::2] for token in line.split()] for line in path.read_text(encoding="utf-8").splitlines()
    ]
    return [[word for word, _ in pair] for pair in pairs], [[tag for _, tag in pair] for pair in pairs]


def prepare(data: TaggingData, prepared: dict[str, Any], raw: Path, out: Path, task: str) -> TaggingSchema:
    words, tags = read_tagged(raw / data.file)
    order = np.random.default_rng(data.split_seed).permutation(len(words))
    test = int(len(words) * data.test_fraction)
    val = test + int(len(words) * data.validation_fraction)
    rows = {"test": order[:test], "val": order[test:val], "train": order[val:]}
    schema = TaggingSchema(
        task,
        prepared,
        sorted({word for row in rows["train"] for word in words[row]}),
        sorted({tag for sentence in tags for tag in sentence}),
        data.max_length,
        {split: len(chosen) for split, chosen in rows.items()},
    )
    with sealed_folder(out) as scratch:
        for split, chosen in rows.items():
            (scratch / split).mkdir()
            np.save(scratch / split / "words.npy", schema.encode([words[row] for row in chosen], schema.words))
            np.save(scratch / split / "tags.npy", schema.encode([tags[row] for row in chosen], schema.tags))
        schema.save(scratch)
    return schema


def load_split(folder: Path, split: str) -> tuple[Numbers, Numbers]:
    return np.load(folder / split / "words.npy"), np.load(folder / split / "tags.npy")
