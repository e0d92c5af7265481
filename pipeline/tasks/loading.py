"""Trained networks in a folder: loading them, and checking that they match a configuration."""

import json
from pathlib import Path

from pipeline.config import Config, family_names, family_of
from pipeline.data.schema_json import NAME
from pipeline.storage import verify
from pipeline.tasks.predictor import Predictor
from pipeline.tasks.task import MODEL, TaskError

TRAIN_AGAIN = "copy the folder again, or write it again: `dvc repro -f train`"


def matches(folder: Path, config: Config) -> bool:
    """Return whether a saved network was trained on data prepared with the configured settings."""
    try:
        schema = json.loads((folder / NAME).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return True  # loading reports the error
    return bool(schema.get("task") == config.task and schema.get("prepared") == config.data.model_dump(mode="json"))


def require_trained_model(folder: Path, config: Config) -> None:
    """Reject a network trained on differently prepared data, because it may have seen the rows that would score it.

    Raises:
        TaskError: The network is missing or does not match; the error names the command that trains the right one.
        DamagedError: A file of the folder is not as it was written.
    """
    advice = (
        "`python -m pipeline.train` with these overrides trains one, or run all stages: "
        f"`dvc exp run -S experiment={config.name}`"
    )
    if not (folder / MODEL).is_file():
        raise TaskError(f"{folder}: there is no trained network; {advice}")
    verify(folder, TRAIN_AGAIN)
    if not matches(folder, config):
        raise TaskError(f"{folder}: this network was trained on data prepared with other settings; {advice}")


def predictor_for(folder: Path) -> Predictor:
    """Load a saved network of the family that its schema names.

    Raises:
        TaskError: The folder holds no network of a known family.
        DamagedError: A file of the folder is not as it was written.
    """
    if (folder / NAME).is_file():
        verify(folder, TRAIN_AGAIN)
    try:
        task = json.loads((folder / NAME).read_text(encoding="utf-8"))["task"]
    except (OSError, ValueError, KeyError) as error:
        raise TaskError(f"{folder}: no trained network ({error!r}); `dvc repro` writes one to models/") from error
    if task not in family_names():
        raise TaskError(f"{folder}: the network is of family {task!r}; this clone has {', '.join(family_names())}")
    predictor: Predictor = family_of(task).load("predictor").load(folder)
    return predictor
