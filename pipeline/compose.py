"""Compose conf/ into params.yaml, which DVC's stages read; with --check, only check that the file is in sync."""

import sys
from dataclasses import replace

from pipeline.config import PARAMS, ConfigError, dump, guarded, load, out_of_sync
from pipeline.storage import write_text

USAGE = """usage: python -m pipeline.compose [--check | --resolve] [OVERRIDES]

  python -m pipeline.compose experiment=flights train.epochs=5   write params.yaml
  python -m pipeline.compose --check [OVERRIDES]                 exit with 1 if params.yaml differs from conf/
  python -m pipeline.compose --resolve [OVERRIDES]               write values, not references to the environment"""
FLAGS = {"--check", "--resolve"}


def main() -> None:
    """Write or check params.yaml."""
    arguments = sys.argv[1:]
    if {"-h", "--help"} & set(arguments):
        print(USAGE)
        return
    overrides = [text for text in arguments if text not in FLAGS]
    resolve = "--resolve" in arguments
    guarded(lambda: check(overrides) if "--check" in arguments else write(overrides, resolve=resolve))


def write(overrides: list[str], *, resolve: bool = False) -> None:
    """Compose conf/ into params.yaml in the current folder; with `resolve`, without references to the environment."""
    config = load(overrides)
    if resolve:
        config = replace(config, references={})
    for key, reference in config.references.items():
        print(f"{key}: {PARAMS} and the record keep the reference {reference}; every stage needs this variable")
    write_text(PARAMS, dump(config))
    print(f"{PARAMS} holds experiment {config.name}; `dvc repro` runs it")


def check(overrides: list[str]) -> None:
    """Compare params.yaml with the composition of its own experiment.

    Raises:
        ConfigError: Names each key that differs.
    """
    faults, command = out_of_sync(overrides)
    if faults:
        raise ConfigError(faults, f"`{command}` updates it")
    print(f"{PARAMS} is in sync with conf/")


if __name__ == "__main__":
    main()
