"""Compose conf/ into params.yaml, which DVC's stages read; with --check only see whether it is in sync."""

import sys

import yaml

from pipeline.config import PARAMS, ConfigError, dump, flatten, guarded, load
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
    if not PARAMS.is_file():
        raise ConfigError([f"{PARAMS}: no such file; `python -m pipeline.compose` writes it"])
    found = dict(flatten(yaml.safe_load(PARAMS.read_text(encoding="utf-8")) or {}))
    asked = any(text.startswith("experiment=") for text in overrides)
    experiment = [] if asked or "name" not in found else [f"experiment={found['name']}"]
    expected = dict(flatten(load([*experiment, *overrides]).tree))
    absent = object()
    faults = [
        f"{key}: {PARAMS} has {_shown(found, key)}, conf/ gives {_shown(expected, key)}"
        for key in sorted({*found, *expected})
        if found.get(key, absent) != expected.get(key, absent)
    ]
    if faults:
        command = " ".join(["python -m pipeline.compose", *experiment, *overrides])
        raise ConfigError(faults, f"`{command}` writes it anew")
    print(f"{PARAMS} is in sync with conf/")


def _shown(tree: dict[str, object], key: str) -> str:
    return repr(tree[key]) if key in tree else "nothing"


if __name__ == "__main__":
    main()
