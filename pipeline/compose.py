"""Compose conf/ into params.yaml, which DVC's stages read; with --check only see whether it is in sync."""

import sys

from pipeline.config import PARAMS, ConfigError, dump, guarded, load, out_of_sync
from pipeline.storage import write_text

USAGE = """usage: python -m pipeline.compose [--check] [OVERRIDES]

  python -m pipeline.compose experiment=flights train.epochs=5   write params.yaml
  python -m pipeline.compose --check [OVERRIDES]                 exit 1 where params.yaml is no composition of conf/"""


def main() -> None:
    """Write or check params.yaml."""
    arguments = sys.argv[1:]
    if {"-h", "--help"} & set(arguments):
        print(USAGE)
        return
    overrides = [text for text in arguments if text != "--check"]
    guarded(lambda: check(overrides) if "--check" in arguments else write(overrides))


def write(overrides: list[str]) -> None:
    """Compose into params.yaml of the current folder."""
    config = load(overrides)
    write_text(PARAMS, dump(config))
    print(f"{PARAMS} holds experiment {config.name}; `dvc repro` runs it")


def check(overrides: list[str]) -> None:
    """Compare params.yaml with the composition of its own experiment.

    Raises:
        ConfigError: Naming each key that differs.
    """
    faults, command = out_of_sync(overrides)
    if faults:
        raise ConfigError(faults, f"`{command}` writes it anew")
    print(f"{PARAMS} is in sync with conf/")


if __name__ == "__main__":
    main()
