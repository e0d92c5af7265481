"""Networks in files of another runtime, with the interface of `runtime.Network`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from .errors import BundleError
from .runtime import INPUT_TYPES

NEXT = "next_"
"""Prefix of outputs that continue an input: `next_NAME` is the next value of the input `NAME`."""
Run = Callable[[dict[str, Any]], dict[str, Any]]
"""Function from arrays by input name to arrays by output name."""


class RuntimeSession:
    """A network that another runtime runs.

    Args:
        run: The function that calls the other runtime.
        inputs: The type of each input by name.
        single: Whether the file takes one example at a time.
    """

    def __init__(self, run: Run, inputs: dict[str, str], *, single: bool = False) -> None:
        self.inputs, self._run, self._single = inputs, run, single

    def __call__(self, **inputs: Any) -> Any:
        """Return the outputs: an array, or arrays by name.

        Raises:
            ValueError: An input is missing or unknown.
        """
        if set(inputs) != set(self.inputs):
            raise ValueError(f"the network takes {', '.join(self.inputs)}; received {', '.join(inputs) or 'nothing'}")
        arrays: dict[str, Any] = {
            name: np.ascontiguousarray(array, INPUT_TYPES[self.inputs[name]]) for name, array in inputs.items()
        }
        rows = len(next(iter(arrays.values())))
        if self._single and rows != 1:
            results = [self._run({name: array[row : row + 1] for name, array in arrays.items()}) for row in range(rows)]
            outputs = {name: np.concatenate([result[name] for result in results]) for name in results[0]}
        else:
            outputs = self._run(arrays)
        named = {name.removeprefix(NEXT): array for name, array in outputs.items()}
        return named["output"] if set(named) == {"output"} else named


def open_session(path: Path, inputs: dict[str, str], *, single: bool) -> RuntimeSession:
    """Open the file of a network.

    Args:
        path: The file; its suffix selects the runtime.
        inputs: The type of each input by name.
        single: Whether the file takes one example at a time.

    Raises:
        BundleError: The runtime is not installed or cannot open the file.
    """
    package, opener = OPENERS[path.suffix]
    try:
        run = opener(path)
    except ImportError as error:
        raise BundleError(f"{path}: needs {package}, which is not installed; run `pip install {package}`") from error
    except Exception as error:  # each runtime has its own error types
        raise BundleError(f"{path}: {package} cannot open it: {error}") from error
    return RuntimeSession(run, inputs, single=single)


def _open_onnx(path: Path) -> Run:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    # Converts int8 weights to float32 once, when the file is opened, instead of at every call.
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
"""Package and open function by file suffix."""
