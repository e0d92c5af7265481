"""A network as LiteRT (TensorFlow Lite): one example at a time, fixed lengths, operators that every device has."""

import contextlib
import io
import tempfile
from typing import Any

import keras

from pipeline.exporting.errors import ExportError
from pipeline.portable.external_runtime import NEXT


def to_litert(model: keras.Model, weights: str = "float32") -> bytes:
    """Return a network as LiteRT; an output that goes on from an input of its name is called `next_NAME`.

    Args:
        model: All axes of its inputs but the first have a length.
        weights: `float32`, `float16`, or `int8` (computed with as such where a device can).

    Raises:
        ExportError: An operation that LiteRT does not have.
    """
    import tensorflow as tf

    specs = {t.name: tf.TensorSpec([1, *t.shape[1:]], t.dtype, name=t.name) for t in model.inputs}

    def call(**inputs: Any) -> dict[str, Any]:
        found = model(inputs, training=False)
        named = found if isinstance(found, dict) else {"output": found}
        return {f"{NEXT}{name}" if name in specs else name: tf.identity(each) for name, each in named.items()}

    module = tf.Module()
    # TensorFlow's own variables: what Keras wraps them in is not found, and would come out as noise.
    module.weights, module.call = [weight.value for weight in model.variables], tf.function(call, autograph=False)
    with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(io.StringIO()):
        signature = module.call.get_concrete_function(**specs)
        tf.saved_model.save(module, folder, signatures={"serving_default": signature})
        converter = tf.lite.TFLiteConverter.from_saved_model(folder, signature_keys=["serving_default"])
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS]
        if weights != "float32":
            converter.optimizations = [tf.lite.Optimize.DEFAULT]
        if weights == "float16":
            converter.target_spec.supported_types = [tf.float16]
        try:
            written: bytes = converter.convert()
        except Exception as error:  # MLIR's own, by no common type
            reason = next((line for line in str(error).splitlines() if "op is neither" in line), str(error))
            raise ExportError(
                f"litert has no operator for this network ({reason.strip()[-200:]}); the formats numpy and onnx have it"
            ) from error
    return written
