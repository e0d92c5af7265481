"""Schema of a prepared corpus: what a network, and prediction with it, need to know."""

from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import ClassVar, Self

from pipeline.data.schema_json import StoredSchema, read_schema
from pipeline.families.translation.data.tokenizing import Tokenizer, tokenizer_for
from pipeline.families.translation.data.vocabulary import Vocabulary
from pipeline.storage import write_bytes

SIDES = ("source", "target")


@dataclass(frozen=True)
class CorpusSchema(StoredSchema):
    """Facts about a prepared corpus.

    Attributes:
        folder: The folder that holds the schema, the vocabularies and the tokenizers.
        languages: Source and target languages.
        tokenizers: Names of the source and target tokenizers.
        lowercase: Whether sentences are lower-cased first.
        words: Sizes of the source and target vocabularies.
        lengths: Lengths of the longest source and target sentences of the training file; the source with start and
            end, the target with one of them.
        pairs: Number of pairs per split.
        left_out: Number of pairs left out, by reason.
        max_tokens: Maximum number of tokens of a sentence at prediction.
    """

    FORMAT: ClassVar[int] = 1
    TASK: ClassVar[str] = "translation"
    folder: Path
    languages: tuple[str, str]
    tokenizers: tuple[str, str]
    lowercase: bool
    words: tuple[int, int]
    lengths: tuple[int, int]
    pairs: dict[str, int]
    left_out: dict[str, int]
    max_tokens: int

    @cached_property
    def vocabularies(self) -> tuple[Vocabulary, Vocabulary]:
        """Source and target vocabularies."""
        source, target = (
            Vocabulary.load(self.folder / f"{side}.vocabulary.txt", count)
            for side, count in zip(SIDES, self.words, strict=True)
        )
        return source, target

    @cached_property
    def text_tokenizers(self) -> tuple[Tokenizer, Tokenizer]:
        """Source and target tokenizers."""
        source, target = (
            tokenizer_for(name, self.folder / f"{side}.pieces")
            for side, name in zip(SIDES, self.tokenizers, strict=True)
        )
        return source, target

    def tokens(self, text: str, side: int = 0) -> list[str]:
        """Tokenize a sentence in the same way as the corpus; `side` is 0 for the source, 1 for the target."""
        return self.text_tokenizers[side].tokens(text.lower() if self.lowercase else text)

    def text(self, numbers: list[int]) -> str:
        """Return the text of a translation given as word numbers."""
        words = self.vocabularies[1].words
        return self.text_tokenizers[1].text([words[number] for number in numbers])

    def save_facts(self, folder: Path) -> None:
        """Write `schema.json`, without vocabularies and tokenizers."""
        content = {key: value for key, value in asdict(self).items() if key != "folder"}
        self.write(folder, content)

    def save(self, folder: Path) -> None:
        """Write the schema, the vocabularies and the tokenizers."""
        self.save_facts(folder)
        for side, vocabulary, tokenizer in zip(SIDES, self.vocabularies, self.text_tokenizers, strict=True):
            vocabulary.save(folder / f"{side}.vocabulary.txt")
            if tokenizer.learned is not None:
                write_bytes(folder / f"{side}.pieces", tokenizer.learned)

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Load a folder that `save` wrote; vocabularies are loaded on first use.

        Raises:
            DataError: If the schema is missing or has another version.
        """
        content = read_schema(folder, cls.TASK, cls.FORMAT)
        pairs = {key: tuple(content[key]) for key in ("languages", "tokenizers", "words", "lengths")}
        return cls(folder=folder, **{**content, **pairs})
