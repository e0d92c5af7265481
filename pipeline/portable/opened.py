"""Networks in files of another runtime, called as `runtime.Network` is. NumPy alone."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .runtime import INPUT_TYPES

NEXT = "next_"
"""Begins the name of an output that goes on from an input of the rest of its name."""
Run = Callable[[dict[str, Any]], dict[str, Any]]
"""Arrays by the names of the file's inputs → arrays by the names of its outputs."""


class OpenedNetwork:
    """A network that another runtime runs.

    Args:
        run: The other runtime.
        inputs: Name → type.
        single: The file takes one example at a time.
    """

    def __init__(self, run: Run, inputs: dict[str, str], *, single: bool = False) -> None:
        self.inputs, self._run, self._single = inputs, run, single

    def __call__(self, **inputs: Any) -> Any:
        """Compute the outputs: an array, or arrays by name.

        Raises:
            ValueError: An input is missing, or there is none of that name.
        """
        if set(inputs) != set(self.inputs):
            raise ValueError(f"the network takes {', '.join(self.inputs)}; received {', '.join(inputs) or 'nothing'}")
        arrays: dict[str, Any] = {
            name: np.ascontiguousarray(array, INPUT_TYPES[self.inputs[name]]) for name, array in inputs.items()
        }
        rows = len(next(iter(arrays.values())))
        if self._single and rows != 1:
            each = [self._run({name: array[row : row + 1] for name, array in arrays.items()}) for row in range(rows)]
            found = {name: np.concatenate([one[name] for one in each]) for name in each[0]}
        else:
            found = self._run(arrays)
        named = {name.removeprefix(NEXT): array for name, array in found.items()}
        return named["output"] if set(named) == {"output"} else named
