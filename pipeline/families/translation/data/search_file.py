"""The search of an experiment, kept beside its network."""

import dataclasses
from pathlib import Path

from pipeline.data.errors import DataError
from pipeline.families.translation.models.translate import SearchSettings
from pipeline.storage import read_json, write_json

SEARCH = "search.json"
"""The file, in a folder that `TrainingTask.save` wrote."""


def write_search(search: SearchSettings, folder: Path) -> None:
    """Write the search of the experiment, with which its network predicts."""
    write_json(folder / SEARCH, dataclasses.asdict(search))


def read_search(folder: Path) -> SearchSettings:
    """Read what `write_search` wrote.

    Raises:
        DataError: The file is missing or damaged.
    """
    try:
        return SearchSettings(**read_json(folder / SEARCH))
    except (OSError, ValueError, TypeError) as error:
        raise DataError(
            f"{folder / SEARCH}: missing or damaged ({error}); copy it from the training's folder"
        ) from error
