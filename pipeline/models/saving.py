"""Save a network as a file whose bytes hang on nothing but the network."""

import io
import json
import zipfile
from pathlib import Path

import keras

from pipeline.storage import write_bytes

EPOCH_OF_ZIP = (1980, 1, 1, 0, 0, 0)


def save_model(model: keras.Model, path: Path) -> None:
    """Write `.keras`, without the date that Keras stamps into it."""
    raw = path.with_name(f".{path.name}")
    raw = raw.with_suffix(".keras")
    try:
        model.save(raw)
        write_bytes(path, _undated(raw))
    finally:
        raw.unlink(missing_ok=True)


def load_model(path: Path) -> keras.Model:
    """Read `.keras` in safe mode: nothing in it is run."""
    return keras.saving.load_model(path, compile=False, safe_mode=True)


def _undated(path: Path) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as new:
        for name in sorted(old.namelist()):
            content = old.read(name)
            if name == "metadata.json":
                metadata = json.loads(content)
                metadata.pop("date_saved", None)
                content = json.dumps(metadata, sort_keys=True).encode()
            new.writestr(zipfile.ZipInfo(name, EPOCH_OF_ZIP), content)
    return buffer.getvalue()
