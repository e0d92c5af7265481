"""How a configuration differs from its experiment in `conf/`."""

import json
from functools import cache
from typing import Any

from pipeline.config.compose import flatten, nearest
from pipeline.config.config import Config

Changes = dict[str, Any]
"""Choices of groups by group, and values by key."""


def opening(stage: str, config: Config) -> str:
    """Return a line that names the experiment and the settings that differ from it.

    DVC removes comments from `params.yaml`, so the differences are found by composing the experiment.
    """
    chosen, changed, usual = _found(config.name, json.dumps(config.recorded))
    if not usual:
        return f"{stage}: {config.name} (not in conf/experiment)"
    shown = [f"{group}={choice}" for group, choice in chosen.items()]
    shown += [
        f"{key}={value} (not {usual[key]})" if key in usual else f"{key}={value}" for key, value in changed.items()
    ]
    return f"{stage}: experiment {config.name}" + (f" with {', '.join(shown)}" if shown else "")


def changes(config: Config) -> Changes | None:
    """Return the overrides that turn the experiment in conf/ into this configuration.

    Returns None if there is no experiment of this name, because `params.yaml` was written by hand.
    """
    chosen, changed, usual = _found(config.name, json.dumps(config.recorded))
    return {**chosen, **changed} if usual else None


@cache
def _found(name: str, settings: str) -> tuple[dict[str, str], Changes, Changes]:
    """Return the choices of groups, the values that differ, and the flat experiment, of settings as JSON."""
    tree = json.loads(settings)
    chosen, composed = nearest(name, tree)
    usual = dict(flatten(composed))
    changed = {key: value for key, value in flatten(tree) if key not in usual or usual[key] != value}
    return chosen, changed, usual
