"""A trained network of the text family: prompts in, text out."""

import os
import sys
from collections.abc import Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pipeline.config import no_such
from pipeline.data import DataError
from pipeline.data.utf8 import decoded, read_lines, read_text
from pipeline.families.text.data.schema import UNKNOWN, TextSchema, load_part
from pipeline.families.text.models.generator import Generator
from pipeline.families.text.models.prompts import prompt_before
from pipeline.storage import new_file
from pipeline.tasks.column import Column
from pipeline.tasks.predictor import Embedding, Predictor
from pipeline.tasks.task import MODEL, TaskError

if TYPE_CHECKING:
    from pipeline.families.text.models.sampling import Sampling
    from pipeline.models.bundle_spec import BundleSpec

LENGTH = 500
"""Characters written unless told otherwise."""
SHOWN_AT_ONCE = 100
"""Characters of a row where values of layers are looked at."""


class TextPredictor(Predictor):
    """A network that goes on from a prompt.

    Args:
        schema: Of the text that it was made for.
        model: The network.
    """

    is_sequence_model = True

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Load what `TrainingTask.save` wrote.

        Raises:
            DataError: The characters are not those of the network.
        """
        from pipeline.families.text.models import networks  # noqa: F401  (registers its layers with Keras)
        from pipeline.models import load_model

        schema, model = TextSchema.load(folder), load_model(folder / MODEL)
        known = model.get_layer("logits").units
        if known != len(schema.characters):
            raise DataError(
                f"{folder}: the network knows {known:,} characters, schema.json says {len(schema.characters):,}: they "
                "are of two trainings; take all files of one folder"
            )
        return cls(schema, model)

    @cached_property
    def generator(self) -> Generator:
        """The network with its alphabet, as it continues prompts."""
        return Generator(self.schema, self.model)

    def columns(self) -> list[Column]:
        return [Column("prompt", False)]

    def outputs(self) -> list[Column]:
        return [Column("text", False)]

    def example(self, processed: Path) -> list[dict[str, Any]]:
        window = self.generator.writer.window or 1
        return [{"prompt": prompt_before(self.schema, "test", load_part(processed, "test"), window)}]

    def __call__(self, rows: pa.Table) -> pa.Table:
        """Go on from the column `prompt`."""
        if "prompt" not in rows.column_names:
            raise DataError(f"no column 'prompt' ({', '.join(rows.column_names)})")
        length, sampling = _asked({})
        texts = [
            "".join(self.generator.generate(prompt or "", length, sampling)) for prompt in rows["prompt"].to_pylist()
        ]
        return pa.table({"text": texts})

    def bundle(self) -> "BundleSpec":
        from pipeline.families.text.models.common import one_at_a_time, state_widths
        from pipeline.models.bundle_spec import BundleSpec

        facts = {
            "characters": self.schema.characters,
            "lowercase": self.schema.lowercase,
            "window": self.generator.writer.window,
            "state": state_widths(self.model),
            "unknown": UNKNOWN if self.schema.rare else None,
            "piece": None,
        }
        if self.generator.writer.window:
            return BundleSpec(self.schema.task, {"network": self.model}, facts)
        one = BundleSpec(self.schema.task, {"network": one_at_a_time(self.model)}, facts | {"piece": 1})
        return BundleSpec(self.schema.task, {"network": self.model}, facts, fixed=one)

    def bundle_example(self, rows: list[dict[str, Any]]) -> dict[str, Any]:
        (first, *_) = rows
        return {"input": first["prompt"], "output": self(pa.Table.from_pylist([first]))["text"][0].as_py()}

    def predict_file(self, source: Path, output: Path, options: Mapping[str, Any]) -> int:
        if "prompt" in options:
            raise TaskError("--prompt and an input file of prompts, a line each: give one of them")
        length, sampling = _asked(options)
        prompts = read_lines(source)
        with new_file(output) as target:
            for place, prompt in enumerate(prompts, start=1):
                target.write(f"{self._line(prompt, length, sampling, f'{source}, line {place:,}')}\n".encode())
        return len(prompts)

    def predict_stream(self, options: Mapping[str, Any]) -> int:
        length, sampling = _asked(options)
        count = 0
        try:
            if "prompt" in options:
                characters = self.generator.generate(options["prompt"], length, sampling)
                sys.stdout.write(options["prompt"])
                for character in characters:
                    sys.stdout.write(character)
                    sys.stdout.flush()
                print(flush=True)
                return 1
            for count, raw in enumerate(sys.stdin.buffer, start=1):
                prompt = decoded(raw, "standard input", count).removesuffix("\n")
                print(self._line(prompt, length, sampling, f"standard input, line {count:,}"), flush=True)
        except BrokenPipeError:  # whoever read has seen enough; Python would complain once more at its end
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return count

    def batches(self, source: Path, size: int) -> Iterator[dict[str, npt.NDArray[Any]]]:
        """Give windows, or pieces each read from a state of zeros."""
        from pipeline.families.text.models.common import state_widths

        numbers = self.schema.numbers(read_text(source))
        width = self.generator.writer.window or min(SHOWN_AT_ONCE, len(numbers))
        if not 0 < width <= len(numbers):
            raise DataError(f"{source}: {len(numbers):,} characters; the network reads {max(1, width):,} at once")
        step = 1 if self.generator.writer.window else width
        rows = np.lib.stride_tricks.sliding_window_view(numbers, width)[::step]
        widths = state_widths(self.model)
        parts = [rows[start : start + size] for start in range(0, len(rows), size)]
        if not self.generator.writer.window and len(numbers) % width:
            parts.append(numbers[None, len(rows) * width :])
        for part in parts:
            zeros = {name: np.zeros((len(part), units), np.float32) for name, units in widths.items()}
            yield {"text": np.ascontiguousarray(part), **zeros}

    def _line(self, prompt: str, length: int, sampling: "Sampling", where: str) -> str:
        """Return what follows a prompt as one line: what ends lines is written as in Python."""
        try:
            text = "".join(self.generator.generate(prompt, length, sampling))
        except DataError as error:
            raise DataError(f"{where}: {error}") from error
        return text.replace("\\", "\\\\").replace("\n", "\\n").replace("\r", "\\r")

    def embedded(self) -> list[str]:
        return ["character"] if any(layer.name == "embedding" for layer in self.model.layers) else []

    def unit_names(self) -> dict[str, list[str]]:
        return {}

    def embedding(self, name: str) -> Embedding:
        if name not in self.embedded():
            raise TaskError(f"no embedding {no_such([name], self.embedded())}")
        vectors = np.asarray(self.model.get_layer("embedding").embeddings)
        return Embedding(name, [repr(each)[1:-1] for each in self.schema.characters], vectors)


def _asked(options: Mapping[str, Any]) -> tuple[int, "Sampling"]:
    from pipeline.families.text.models.sampling import Sampling

    chosen = {name: options[name] for name in ("temperature", "top_k", "top_p", "seed") if name in options}
    try:
        return options.get("length", LENGTH), Sampling(**{"temperature": 0.7, **chosen})
    except ValueError as error:
        raise TaskError(str(error)) from error
