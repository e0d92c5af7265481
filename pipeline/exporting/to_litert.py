"""Convert a network to LiteRT (TensorFlow Lite): one example at a time, fixed lengths, built-in operators only."""

import contextlib
import io
import tempfile
from typing import Any

import keras

from pipeline.exporting.errors import ExportError
from pipeline.portable.external_runtime import NEXT


def to_litert(model: keras.Model, weights: str = "float32") -> bytes:
    """Return a network as a LiteRT file; an output that continues the input NAME is called `next_NAME`.

    Args:
        model: The network; all input axes but the first must have a fixed length.
        weights: The type of the weights: `float32`, `float16`, or `int8` (also used for computation if a device can).

    Raises:
        ExportError: LiteRT does not support an operation.
    """
    import tensorflow as tf

    specs = {t.name: tf.TensorSpec([1, *t.shape[1:]], t.dtype, name=t.name) for t in model.inputs}

    def call(**inputs: Any) -> dict[str, Any]:
        outputs = model(inputs, training=False)
        named = outputs if isinstance(outputs, dict) else {"output": outputs}
        return {f"{NEXT}{name}" if name in specs else name: tf.identity(tensor) for name, tensor in named.items()}

    module = tf.Module()
    # TensorFlow's own variables; the converter does not find Keras' wrappers and would write wrong values.
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
        except Exception as error:  # MLIR errors have no common type
            reason = next((line for line in str(error).splitlines() if "op is neither" in line), str(error))
            raise ExportError(
                f"LiteRT does not support an operator of this network ({reason.strip()[-200:]}); use the format numpy "
                "or onnx"
            ) from error
    return written
