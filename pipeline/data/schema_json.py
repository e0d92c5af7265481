"""Read and write `schema.json`, which holds what preprocess inferred from the data."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, ClassVar, Self

from pipeline.config import family_of
from pipeline.data.errors import DataError
from pipeline.storage import write_json

NAME = "schema.json"
PREPARE_AGAIN = "prepare the data again: `dvc repro -f preprocess`, or `python -m pipeline.preprocess` with overrides"


@dataclass(frozen=True)
class StoredSchema:
    """Base of the families' schemas: a dataclass that is stored as `schema.json`.

    Attributes:
        FORMAT: Version of the format; `load` rejects other versions.
        TASK: Name of the family.
        task: The same, as it is stored.
        prepared: The `data` section with which the data was prepared.
    """

    FORMAT: ClassVar[int]
    TASK: ClassVar[str]
    task: str
    prepared: dict[str, Any]

    @property
    def monitors(self) -> tuple[str, ...]:
        """The validation scores that `train.monitor` may name; the first is the default."""
        return tuple(family_of(self.TASK).monitors)

    def save(self, folder: Path) -> None:
        """Write `schema.json`."""
        self.write(folder, asdict(self))

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read what `save` wrote.

        Raises:
            DataError: There is no schema, it is corrupt, or another version or family wrote it.
        """
        return cls(**read_schema(folder, cls.TASK, cls.FORMAT))

    def write(self, folder: Path, content: Mapping[str, Any]) -> None:
        """Write fields of the schema to `schema.json`."""
        write_json(folder / NAME, {"format": self.FORMAT, **content})


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
