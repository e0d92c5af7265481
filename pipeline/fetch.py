"""Fetch the raw files into data/raw and verify them."""

from pathlib import Path

from pipeline.config import Config, command
from pipeline.data import fetch
from pipeline.storage import RAW


@command
def main(config: Config) -> None:
    """Fetch every file of the source, each whole or not at all."""
    source = config.data.source
    fetch(source.name, source.files, Path(source.folder), RAW)


if __name__ == "__main__":
    main()
