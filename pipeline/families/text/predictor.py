"""Generation of text from prompts with a trained network."""

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

LAYERS = "pipeline.families.text.models.networks"
"""The module that registers the networks' own layers with Keras."""
LENGTH = 500
"""Default number of characters to write."""
SHOWN_AT_ONCE = 100
"""Number of characters per row when the values of layers are inspected."""


class TextPredictor(Predictor):
    """A character model that continues prompts.

    Args:
        schema: The schema of the text the network was trained on.
        model: The trained network.
    """

    is_sequence_model = True

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Load a folder that `TrainingTask.save` wrote.

        Raises:
            DataError: If the characters of the schema do not belong to the network.
        """
        from pipeline.models import load_model

        schema, model = TextSchema.load(folder), load_model(folder / MODEL, LAYERS)
        known = model.get_layer("logits").units
        if known != len(schema.characters):
            raise DataError(
                f"{folder}: the network knows {known:,} characters, schema.json {len(schema.characters):,}: the files "
                "are from different trainings; copy all files from one training's folder"
            )
        return cls(schema, model)

    @cached_property
    def generator(self) -> Generator:
        """The network combined with its alphabet."""
        return Generator(self.schema, self.model)

    def columns(self) -> list[Column]:
        return [Column("prompt", False)]

    def outputs(self) -> list[Column]:
        return [Column("text", False)]

    def example(self, processed: Path) -> list[dict[str, Any]]:
        window = self.generator.writer.window or 1
        return [{"prompt": prompt_before(self.schema, "test", load_part(processed, "test"), window)}]

    def __call__(self, rows: pa.Table) -> pa.Table:
        """Continue the prompts in the column `prompt`."""
        if "prompt" not in rows.column_names:
            raise DataError(f"no column 'prompt' ({', '.join(rows.column_names)})")
        length, sampling = _sampling_options({})
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
            raise TaskError("received both --prompt and an input file of prompts, one per line; give only one of them")
        length, sampling = _sampling_options(options)
        prompts = read_lines(source)
        with new_file(output) as target:
            for number, prompt in enumerate(prompts, start=1):
                target.write(f"{self._line(prompt, length, sampling, f'{source}, line {number:,}')}\n".encode())
        return len(prompts)

    def predict_stream(self, options: Mapping[str, Any]) -> int:
        length, sampling = _sampling_options(options)
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
        except BrokenPipeError:  # the reader closed the pipe; without this, Python reports it again at exit
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return count

    def batches(self, source: Path, size: int) -> Iterator[dict[str, npt.NDArray[Any]]]:
        """Yield batches of windows, or of pieces that each start from a state of zeros."""
        from pipeline.families.text.models.common import state_widths

        numbers = self.schema.numbers(read_text(source))
        width = self.generator.writer.window or min(SHOWN_AT_ONCE, len(numbers))
        if not 0 < width <= len(numbers):
            raise DataError(
                f"{source}: the file has {len(numbers):,} characters; the network needs at least {max(1, width):,}"
            )
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
        """Return the continuation of a prompt as one line; line ends and backslashes are escaped as in Python.

        A blank prompt has a blank continuation.
        """
        if not prompt:
            return ""
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
        return Embedding(name, [repr(character)[1:-1] for character in self.schema.characters], vectors)


def _sampling_options(options: Mapping[str, Any]) -> tuple[int, "Sampling"]:
    from pipeline.families.text.models.sampling import Sampling

    chosen = {name: options[name] for name in ("temperature", "top_k", "top_p", "seed") if name in options}
    try:
        return options.get("length", LENGTH), Sampling(**{"temperature": 0.7, **chosen})
    except ValueError as error:
        raise TaskError(str(error)) from error
