"""What preprocess found out, as `schema.json`; tables have a larger one of their own."""

import json
from pathlib import Path
from typing import Any

from pipeline.data.errors import DataError


def read_facts(folder: Path, task: str, version: int) -> dict[str, Any]:
    """Read `schema.json`.

    Args:
        folder: Where it lies.
        task: The family that wrote it.
        version: Of its format.

    Raises:
        DataError: There is none, or one of another version or family.
    """
    path = folder / "schema.json"
    again = "`python -m pipeline.preprocess`, with the overrides of this command, writes it"
    try:
        content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise DataError(f"{path}: nothing prepared ({error}); {again}") from error
    if content.pop("format", None) != version or content.get("task") != task:
        raise DataError(f"{path}: of another version, or not of task {task}; {again} anew")
    return content
