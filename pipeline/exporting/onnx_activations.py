"""Activations as ONNX operators, equivalent to `pipeline/portable/activations.py`."""

import math
from collections.abc import Callable
from typing import Any

from pipeline.exporting.errors import ExportError
from pipeline.exporting.onnx_graph import Graph, Value
from pipeline.portable.activations import SHRINK

RECURRENT = {"tanh": "Tanh", "sigmoid": "Sigmoid", "relu": "Relu", "softsign": "Softsign", "softplus": "Softplus"}
"""Activations that ONNX's recurrent operators support."""


def _plain(kind: str, **attributes: Any) -> Callable[[Graph, Value], Value]:
    return lambda g, x: g.op(kind, x, **attributes)


def _squareplus(g: Graph, x: Value) -> Value:
    return (x + g.op("Sqrt", x * x + 4)) * 0.5


def _sparse_plus(g: Graph, x: Value) -> Value:
    rectified = g.op("Relu", x + 1)
    return g.where(g.op("GreaterOrEqual", x, 1), x, rectified * rectified * 0.25)


ACTIVATIONS: dict[str, Callable[[Graph, Value], Value]] = {
    "celu": _plain("Celu"),
    "elu": _plain("Elu"),
    "exponential": _plain("Exp"),
    "gelu": lambda g, x: x * (g.op("Erf", x * math.sqrt(0.5)) + 1) * 0.5,
    "hard_shrink": _plain("Shrink", lambd=SHRINK),
    "hard_sigmoid": _plain("HardSigmoid", alpha=1 / 6, beta=0.5),
    "hard_silu": _plain("HardSwish"),
    "hard_tanh": lambda g, x: g.op("Clip", x, -1, 1),
    "leaky_relu": _plain("LeakyRelu", alpha=0.2),
    "linear": lambda _g, x: x,
    "log_sigmoid": lambda g, x: -g.op("Softplus", -x),
    "log_softmax": _plain("LogSoftmax"),
    "mish": _plain("Mish"),
    "relu": _plain("Relu"),
    "relu6": lambda g, x: g.op("Clip", x, 0, 6),
    "selu": _plain("Selu"),
    "sigmoid": _plain("Sigmoid"),
    "silu": lambda g, x: x * g.op("Sigmoid", x),
    "soft_shrink": _plain("Shrink", lambd=SHRINK, bias=SHRINK),
    "softmax": _plain("Softmax"),
    "softplus": _plain("Softplus"),
    "softsign": _plain("Softsign"),
    "sparse_plus": _sparse_plus,
    "sparse_sigmoid": lambda g, x: g.op("Clip", (x + 1) * 0.5, 0, 1),
    "squareplus": _squareplus,
    "tanh": _plain("Tanh"),
    "tanh_shrink": lambda g, x: x - g.op("Tanh", x),
}


def bent(g: Graph, name: str, x: Value) -> Value:
    """Return an activation applied to a value.

    Raises:
        ExportError: ONNX has no operators for the activation.
    """
    if name not in ACTIVATIONS:
        raise ExportError(
            f"the ONNX export does not support activation {name!r}; it supports {', '.join(sorted(ACTIVATIONS))}. "
            "Use the format numpy instead"
        )
    return ACTIVATIONS[name](g, x)
