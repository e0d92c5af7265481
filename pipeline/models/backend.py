"""Import Keras and its backend without the notices that native code prints before it can be told to be quiet."""

import os
import sys
import tempfile


def load_backend() -> None:
    """Import Keras; what the import printed to standard error is shown only if it failed."""
    if "keras" in sys.modules:
        return
    sys.stderr.flush()
    kept = os.dup(2)
    with tempfile.TemporaryFile() as notices:
        os.dup2(notices.fileno(), 2)
        try:
            import keras  # noqa: F401
        except BaseException:
            notices.seek(0)
            os.write(kept, notices.read())
            raise
        finally:
            os.dup2(kept, 2)
            os.close(kept)


def versions() -> list[str]:
    """Return Keras' version and the name of its backend."""
    import keras

    return [keras.__version__, keras.backend.backend()]


load_backend()
