"""Import Keras and its backend without the messages that native code prints before it can be silenced."""

import os
import platform
import sys
import tempfile

from pipeline.storage import PipelineError

BACKEND = "tensorflow"


def load_backend() -> None:
    """Import Keras; show what the import printed to standard error only if the import fails.

    Raises:
        PipelineError: The environment asks for another backend.
    """
    if (chosen := os.environ.get("KERAS_BACKEND", BACKEND)) != BACKEND:
        raise PipelineError(f"KERAS_BACKEND={chosen}: this project computes with {BACKEND}; unset the variable")
    if "keras" in sys.modules:
        return
    sys.stderr.flush()
    stderr_copy = os.dup(2)
    with tempfile.TemporaryFile() as messages:
        os.dup2(messages.fileno(), 2)
        try:
            import keras  # noqa: F401
        except BaseException:
            messages.seek(0)
            os.write(stderr_copy, messages.read())
            raise
        finally:
            os.dup2(stderr_copy, 2)
            os.close(stderr_copy)


def versions() -> dict[str, str]:
    """Return the versions of what computes: Python, NumPy, TensorFlow and Keras."""
    import keras
    import numpy as np
    import tensorflow as tf

    return {
        "python": platform.python_version(),
        "numpy": np.__version__,
        "tensorflow": tf.__version__,
        "keras": keras.__version__,
    }


load_backend()
