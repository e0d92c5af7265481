"""A character model combined with its alphabet, to continue prompts and score text."""

from collections.abc import Iterator
from functools import cached_property
from typing import TYPE_CHECKING

from pipeline.data import DataError
from pipeline.families.text.data.schema import UNKNOWN, TextSchema
from pipeline.families.text.models.sampling import Sampling, write

if TYPE_CHECKING:
    import keras

    from pipeline.families.text.models.keras_writer import KerasWriter


class Generator:
    """A network that continues a prompt.

    Args:
        schema: The schema of the text it was trained on.
        model: The network.
    """

    def __init__(self, schema: TextSchema, model: "keras.Model") -> None:
        self.schema, self.model = schema, model

    @cached_property
    def writer(self) -> "KerasWriter":
        """The network as a `Writer` for sampling."""
        from pipeline.families.text.models.keras_writer import KerasWriter

        return KerasWriter(self.model)

    def generate(self, prompt: str, length: int, sampling: Sampling) -> Iterator[str]:
        """Return an iterator over the characters that follow a prompt; the prompt is checked at once.

        Args:
            prompt: The text to continue.
            length: Number of characters to write.
            sampling: Settings of the sampling.

        Raises:
            DataError: If the prompt is too short or has characters that the network does not know.
        """
        numbers, least = self.schema.numbers(prompt), self.writer.window or 1
        if len(numbers) < least:
            raise DataError(
                f"the prompt has {len(numbers)} character{'' if len(numbers) == 1 else 's'}; the network needs at "
                f"least {least}; give a longer prompt"
            )
        never = self.schema.characters.index(UNKNOWN) if self.schema.rare else None
        written = write(self.writer, numbers, length, sampling, never)
        return (self.schema.characters[number] for number in written)

    def sample(self, prompt: str, length: int, sampling: Sampling) -> str:
        """Return a prompt and the text that follows it."""
        return prompt + "".join(self.generate(prompt, length, sampling))
