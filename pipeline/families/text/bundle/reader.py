"""Continuation of prompts with an exported network. Uses only NumPy."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.families.text.models.sampling import Sampling, write
from pipeline.portable.errors import BundleError
from pipeline.portable.request_fields import Bounds, fields_of

OPTIONS: dict[str, Bounds] = {
    "length": (int, 0, 10_000),
    "temperature": (float, 1e-6, 100),
    "top_k": (int, 0, 10_000_000),
    "top_p": (float, 1e-6, 1),
    "seed": (int, 0, 2**31 - 1),
}
"""Options of a request to the service."""


class TextReader:
    """Continues prompts."""

    def __init__(self, networks: Mapping[str, Any], facts: Mapping[str, Any], _folder: Path) -> None:
        self._network = networks["network"]
        self._characters, self._lowercase, self._window = facts["characters"], facts["lowercase"], facts["window"]
        self._state, unknown = facts["state"], facts["unknown"]
        self._piece = facts["piece"]
        self._never = None if unknown is None else self._characters.index(unknown)
        self._numbers = {character: number for number, character in enumerate(self._characters)}

    field = "prompts"
    """Name of the inputs in a request to the service."""

    def describe(self) -> dict[str, Any]:
        """Return what a request and its answer hold, for the service."""
        return {"prompts": "texts", "options": list(OPTIONS), "predictions": "the texts that follow"}

    def answer(self, request: Any) -> list[str]:
        """Return the texts that follow the prompts of a request, `{"prompts": ["…"], "length": 500, "seed": 1}`.

        Raises:
            BundleError: The request is not like this, or a prompt is refused.
        """
        prompts, options = fields_of(request, self.field, OPTIONS)
        return ["".join(self(prompt, **options)) for prompt in prompts]

    def __call__(self, prompt: str, length: int = 500, **sampling: Any) -> Iterator[str]:
        """Return an iterator over the characters that follow a prompt.

        Args:
            prompt: The text to continue.
            length: Number of characters to write.
            sampling: Fields of `Sampling`: `temperature`, `top_k`, `top_p` and `seed`.

        Raises:
            BundleError: If the prompt is too short or has characters that the network does not know.
        """
        if not isinstance(prompt, str):
            raise BundleError(f"expected a prompt as text; received {prompt!r:.60}")
        text = prompt.lower() if self._lowercase else prompt
        numbers = [self._numbers.get(character, self._never) for character in text]
        if None in numbers:
            unknown = "".join(dict.fromkeys(c for c in text if c not in self._numbers))
            raise BundleError(f"characters that the network does not know: {unknown[:10]!r}")
        least = self._window or 1
        if len(numbers) < least:
            raise BundleError(
                f"the prompt has {len(numbers)} characters; the network needs at least {least}; give a longer prompt"
            )
        written = write(self, numbers, length, Sampling(**{"temperature": 0.7, **sampling}), self._never)
        return (self._characters[number] for number in written)

    def start(self, numbers: Any) -> tuple[Any, Any]:
        """Read a prompt; see `Writer.start`."""
        if self._window:
            return self._read_window(np.asarray(numbers)[-self._window :])
        prompt, state = np.asarray(numbers), {n: np.zeros((1, u), np.float32) for n, u in self._state.items()}
        logits = None
        for start in range(0, len(prompt), self._piece or len(prompt)):
            logits, state = self._read_state(prompt[start : start + (self._piece or len(prompt))], state)
        return logits, state

    def step(self, state: Any, number: int) -> tuple[Any, Any]:
        """Read one more character; see `Writer.step`."""
        if self._window:
            return self._read_window(np.append(state[1:], number))
        return self._read_state(np.array([number]), state)

    def _read_window(self, window: Any) -> tuple[Any, Any]:
        return self._network(text=window[None])["logits"][0], window

    def _read_state(self, numbers: Any, state: Any) -> tuple[Any, Any]:
        outputs = self._network(text=numbers[None], **state)
        return outputs["logits"][0, -1], {name: outputs[name] for name in state}
