"""Bring the raw files to data/raw, checked."""

from pathlib import Path

from pipeline.config import Config, command
from pipeline.data import fetch
from pipeline.storage import RAW


@command
def main(config: Config) -> None:
    """Copy every file of the source, whole or not at all."""
    source = config.data.source
    fetch(source.name, source.files, Path(source.folder), RAW)


if __name__ == "__main__":
    main()
