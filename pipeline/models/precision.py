"""The floating-point precision of training. Weights are always float32; only matrix products may be shorter."""

from pathlib import Path

import keras

from pipeline.models.keras_internals import inner_layers

MIXED = {"float32": "float32", "bfloat16": "mixed_bfloat16"}
"""Name of the Keras dtype policy by precision."""
FLAGS = {"avx512_bf16", "amx_bf16"}


def resolved(precision: str) -> str:
    """Return `float32` or `bfloat16`; `auto` means bfloat16 if the processor has instructions for it."""
    if precision != "auto":
        return precision
    return "bfloat16" if _has_bfloat16() else "float32"


def to_float32(model: keras.Model) -> None:
    """Switch every layer to float32; graphs traced earlier keep the precision that they were traced in."""
    for layer in inner_layers(model):
        if layer.dtype_policy.name == MIXED["bfloat16"]:
            layer.dtype_policy = keras.dtype_policies.DTypePolicy("float32")


def _has_bfloat16() -> bool:
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        for device in tf.config.list_physical_devices("GPU"):
            return bool(tf.config.experimental.get_device_details(device).get("compute_capability", (0, 0)) >= (8, 0))
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:  # not Linux
        return False
    return any(line.startswith("flags") and FLAGS & set(line.split()) for line in lines)
