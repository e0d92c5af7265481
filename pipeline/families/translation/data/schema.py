"""What was found in a corpus: all that a network and its use need to know of it."""

from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Self

from pipeline.data.schema_json import read_schema, write_schema
from pipeline.families.translation.data.tokenizing import Tokenizer, tokenizer_for
from pipeline.families.translation.data.vocabulary import Vocabulary
from pipeline.families.translation.settings import MONITORS
from pipeline.storage import write_bytes

FORMAT = 1
SIDES = ("source", "target")


@dataclass(frozen=True)
class CorpusSchema:
    """Facts about a prepared corpus.

    Attributes:
        folder: Where it lies, with vocabularies and tokenizers.
        task: Of the pipeline.
        prepared: The data section.
        languages: Source and target.
        tokenizers: Names, source and target.
        lowercase: Whether sentences are lower-cased first.
        words: In each vocabulary.
        lengths: Of the longest sentences of the training file, with start and end.
        pairs: By split.
        left_out: Pairs, by reason.
        max_tokens: Of a sentence at prediction.
    """

    folder: Path
    task: str
    prepared: dict[str, Any]
    languages: tuple[str, str]
    tokenizers: tuple[str, str]
    lowercase: bool
    words: tuple[int, int]
    lengths: tuple[int, int]
    pairs: dict[str, int]
    left_out: dict[str, int]
    max_tokens: int

    @property
    def monitors(self) -> tuple[str, ...]:
        """Validation scores that `train.monitor` may name."""
        return tuple(MONITORS)

    @cached_property
    def vocabularies(self) -> tuple[Vocabulary, Vocabulary]:
        """Source's and target's."""
        source, target = (
            Vocabulary.load(self.folder / f"{side}.vocabulary.txt", count)
            for side, count in zip(SIDES, self.words, strict=True)
        )
        return source, target

    @cached_property
    def cutters(self) -> tuple[Tokenizer, Tokenizer]:
        """Source's and target's tokenizer."""
        source, target = (
            tokenizer_for(name, self.folder / f"{side}.pieces")
            for side, name in zip(SIDES, self.tokenizers, strict=True)
        )
        return source, target

    def tokens(self, text: str, side: int = 0) -> list[str]:
        """Cut a sentence as those of the corpus were."""
        return self.cutters[side].tokens(text.lower() if self.lowercase else text)

    def text(self, numbers: list[int]) -> str:
        """Return a translation as text."""
        words = self.vocabularies[1].words
        return self.cutters[1].text([words[number] for number in numbers])

    def save_facts(self, folder: Path) -> None:
        """Write what stands beside vocabularies and tokenizers."""
        content = {key: value for key, value in asdict(self).items() if key != "folder"}
        write_schema(folder, FORMAT, content)

    def save(self, folder: Path) -> None:
        """Write schema, vocabularies and tokenizers."""
        self.save_facts(folder)
        for side, vocabulary, cutter in zip(SIDES, self.vocabularies, self.cutters, strict=True):
            vocabulary.save(folder / f"{side}.vocabulary.txt")
            if cutter.learned is not None:
                write_bytes(folder / f"{side}.pieces", cutter.learned)

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read what `save` wrote; vocabularies when they are asked for.

        Raises:
            DataError: There is none, or one of another version.
        """
        content = read_schema(folder, "translation", FORMAT)
        pairs = {key: tuple(content[key]) for key in ("languages", "tokenizers", "words", "lengths")}
        return cls(folder=folder, **{**content, **pairs})
