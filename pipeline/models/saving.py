"""Save a network as a file whose bytes depend only on the network."""

import importlib
import io
import json
import zipfile
from pathlib import Path
from typing import Any

import keras

from pipeline.models.precision import to_float32
from pipeline.storage import write_bytes

EPOCH_OF_ZIP = (1980, 1, 1, 0, 0, 0)


def save_model(model: keras.Model, path: Path) -> None:
    """Write a `.keras` file in float32, without the date and the memory addresses that Keras adds."""
    to_float32(model)
    path.parent.mkdir(parents=True, exist_ok=True)
    raw = path.with_name(f".{path.stem}.raw.keras")
    try:
        model.save(raw)
        write_bytes(path, _canonical(raw))
    finally:
        raw.unlink(missing_ok=True)


def load_model(path: Path, layers: str | None = None) -> keras.Model:
    """Read a `.keras` file in safe mode: no code in it is run.

    Args:
        path: The file.
        layers: Name of the module that registers the network's own layers with Keras, if it has any.
    """
    if layers is not None:
        importlib.import_module(layers)
    return keras.saving.load_model(path, compile=False, safe_mode=True)


def _canonical(path: Path) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as new:
        for name in sorted(old.namelist()):
            content = old.read(name)
            if name.endswith(".json"):
                content = json.dumps(_normalised(json.loads(content), {})).encode()
            new.writestr(zipfile.ZipInfo(name, EPOCH_OF_ZIP), content)
    return buffer.getvalue()


def _normalised(content: Any, numbers: dict[int, int]) -> Any:
    # Keras identifies shared objects by memory address; numbers in order of appearance are reproducible.
    if isinstance(content, list):
        return [_normalised(item, numbers) for item in content]
    if not isinstance(content, dict):
        return content
    result = {key: _normalised(value, numbers) for key, value in content.items() if key != "date_saved"}
    if "shared_object_id" in result:
        result["shared_object_id"] = numbers.setdefault(result["shared_object_id"], len(numbers) + 1)
    return result
