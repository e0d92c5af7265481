"""Networks in files of another runtime, called as `runtime.Network` is: that runtime's package, and NumPy."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from .errors import BundleError
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


def open_network(path: Path, inputs: dict[str, str], *, single: bool) -> OpenedNetwork:
    """Open the file of a network.

    Args:
        path: Its suffix names the runtime.
        inputs: Name → type.
        single: The file takes one example at a time.

    Raises:
        BundleError: The runtime is not installed, or refuses the file.
    """
    package, opener = OPENERS[path.suffix]
    try:
        run = opener(path)
    except ImportError as error:
        raise BundleError(f"{path}: needs {package}, which is not installed: `pip install {package}`") from error
    except Exception as error:  # each runtime has kinds of its own, without a common type
        raise BundleError(f"{path}: {package} cannot open it: {error}") from error
    return OpenedNetwork(run, inputs, single=single)


def _open_onnx(path: Path) -> Run:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    # Weights in int8 become float32 once, when the file is opened; else at every call.
    options.add_session_config_entry("session.disable_quant_qdq", "1")
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    return lambda inputs: dict(zip(names, session.run(None, inputs), strict=True))


def _open_litert(path: Path) -> Run:
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(model_path=str(path))
    signature = interpreter.get_signature_runner()
    # The runner does not keep its interpreter alive.
    return lambda inputs, _kept=interpreter: signature(**inputs)  # type: ignore[misc]


OPENERS: dict[str, tuple[str, Callable[[Path], Run]]] = {
    ".onnx": ("onnxruntime", _open_onnx),
    ".tflite": ("ai-edge-litert", _open_litert),
}
"""Suffix of a file → the package that runs it, and how it is opened."""
