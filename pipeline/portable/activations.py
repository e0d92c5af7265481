"""All named Keras activations whose output has the shape of the input, in NumPy.

Each function computes in the type of its input. Definitions: the documentation of Keras, which cites the papers.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

Activation = Callable[[Any], Any]
SELU_SCALE, SELU_ALPHA = 1.0507009873554805, 1.6732632423543772
SHRINK = 0.5


def sigmoid(x: Any) -> Any:
    """Return 1 / (1 + e^-x), computed without overflow."""
    return 0.5 * (1 + np.tanh(0.5 * x))


def softmax(x: Any) -> Any:
    """Return probabilities over the last axis."""
    exponentials = np.exp(x - x.max(axis=-1, keepdims=True))
    return exponentials / exponentials.sum(axis=-1, keepdims=True)


def _log_softmax(x: Any) -> Any:
    shifted = x - x.max(axis=-1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))


def _softplus(x: Any) -> Any:
    return np.maximum(x, 0) + np.log1p(np.exp(-np.abs(x)))


def _negative(x: Any) -> Any:
    """Return e^x - 1 if x is below 0, else 0."""
    return np.expm1(np.minimum(x, 0))


def _elu(x: Any) -> Any:
    return np.maximum(x, 0) + _negative(x)


def _gelu(x: Any) -> Any:
    # NumPy has no error function, so Python's is applied to each number.
    erf = np.array([math.erf(value) for value in (x.reshape(-1) / math.sqrt(2)).tolist()], x.dtype)
    return 0.5 * x * (1 + erf.reshape(x.shape))


def _hard_sigmoid(x: Any) -> Any:
    return np.clip(x / 6 + 0.5, 0, 1)


def _sparsemax(x: Any) -> Any:
    ordered = -np.sort(-x, axis=-1)
    sums = np.cumsum(ordered, axis=-1)
    in_support = ordered - (sums - 1) / np.arange(1, x.shape[-1] + 1, dtype=x.dtype) > 0
    # This must match the trained network: Keras 3.15 adds up the sums at all positions of the support, where the paper
    # (Martins, Astudillo 2016) takes only the last one.
    total = np.where(in_support, sums, np.float32(0)).sum(axis=-1, keepdims=True)
    return np.maximum(x - (total - 1) / in_support.sum(axis=-1, keepdims=True).astype(x.dtype), 0)


ACTIVATIONS: dict[str, Activation] = {
    "celu": _elu,  # identical to elu with Keras' default alpha of 1
    "elu": _elu,
    "exponential": np.exp,
    "gelu": _gelu,
    "hard_shrink": lambda x: np.where(np.abs(x) > SHRINK, x, np.zeros_like(x)),
    "hard_sigmoid": _hard_sigmoid,
    "hard_silu": lambda x: x * _hard_sigmoid(x),
    "hard_tanh": lambda x: np.clip(x, -1, 1),
    "leaky_relu": lambda x: np.maximum(x, 0.2 * x),
    "linear": lambda x: x,
    "log_sigmoid": lambda x: -_softplus(-x),
    "log_softmax": _log_softmax,
    "mish": lambda x: x * np.tanh(_softplus(x)),
    "relu": lambda x: np.maximum(x, 0),
    "relu6": lambda x: np.clip(x, 0, 6),
    "selu": lambda x: SELU_SCALE * (np.maximum(x, 0) + SELU_ALPHA * _negative(x)),
    "sigmoid": sigmoid,
    "silu": lambda x: x * sigmoid(x),
    "soft_shrink": lambda x: np.sign(x) * np.maximum(np.abs(x) - SHRINK, 0),
    "softmax": softmax,
    "softplus": _softplus,
    "softsign": lambda x: x / (1 + np.abs(x)),
    "sparse_plus": lambda x: np.where(x >= 1, x, np.square(np.maximum(x + 1, 0)) / 4),
    "sparse_sigmoid": lambda x: np.clip(0.5 * (x + 1), 0, 1),
    "sparsemax": _sparsemax,
    "squareplus": lambda x: (x + np.sqrt(x * x + 4)) / 2,
    "tanh": np.tanh,
    "tanh_shrink": lambda x: x - np.tanh(x),
}
