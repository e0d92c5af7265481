"""Read and write `schema.json`, which holds what preprocess inferred from the data."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pipeline.data.errors import DataError
from pipeline.storage import write_json

NAME = "schema.json"
PREPARE_AGAIN = "prepare the data again: `dvc repro -f preprocess`, or `python -m pipeline.preprocess` with overrides"


def write_schema(folder: Path, version: int, content: Mapping[str, Any]) -> None:
    """Write a schema.

    Args:
        folder: The folder to write `schema.json` to.
        version: Version of the format; `read_schema` rejects other versions.
        content: The fields of the schema.
    """
    write_json(folder / NAME, {"format": version, **content})


def read_schema(folder: Path, task: str, version: int) -> dict[str, Any]:
    """Read a schema.

    Args:
        folder: The folder that holds `schema.json`.
        task: The family that must have written it.
        version: The version of the format that it must have.

    Raises:
        DataError: The file is missing or corrupt, or another version or family wrote it.
    """
    path = folder / NAME
    try:
        content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        found_version, found_task = content.pop("format", None), content.get("task")
    except FileNotFoundError:
        raise DataError(f"{path}: no such file; {PREPARE_AGAIN}") from None
    except (OSError, ValueError, AttributeError) as error:
        raise DataError(f"{path}: corrupt ({error}); {PREPARE_AGAIN}") from error
    if found_task != task:
        raise DataError(f"{path}: written for task {found_task}, expected {task}; {PREPARE_AGAIN}")
    if found_version != version:
        advice = "train again: `dvc repro`" if (folder / "model.keras").is_file() else PREPARE_AGAIN
        raise DataError(f"{path}: format {found_version} of another version of Onehot, expected {version}; {advice}")
    return content
