"""How a configuration differs from its experiment in `conf/`."""

import json
from functools import cache
from typing import Any

from pipeline.config.compose import flatten, recorded_tree, section_of
from pipeline.config.config import Config
from pipeline.config.errors import ConfigError
from pipeline.storage import CONF

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
    chosen, composed = _nearest(name, tree)
    usual = dict(flatten(composed))
    changed = {key: value for key, value in flatten(tree) if key not in usual or usual[key] != value}
    return chosen, changed, usual


def _nearest(name: str, tree: dict[str, Any]) -> tuple[dict[str, str], dict[str, Any]]:
    """Describe a configuration by the group choices that bring its experiment closest to it.

    Args:
        name: The name of the experiment.
        tree: The configuration.

    Returns:
        Group → choice for the groups that differ from the experiment in conf/, and the composition with these choices,
        which is empty if conf/ has no such experiment.
    """
    if not (CONF / "experiment" / f"{name}.yaml").is_file():
        return {}, {}
    composed = recorded_tree([f"experiment={name}"])
    chosen: dict[str, str] = {}
    for group in composed:
        differ = _differences(tree[group], composed[group])
        # A single key is as short to show as a group choice.
        files = _files_of(group) if differ > 1 else {}
        if not files:
            continue
        choice = min(sorted(files), key=lambda file: _differences(tree[group], files[file]))
        overrides = [f"{key}={option}" for key, option in {**chosen, group: choice}.items()]
        try:
            candidate = recorded_tree([f"experiment={name}", *overrides])
        except ConfigError:  # this choice does not fit the experiment
            continue
        if 1 + _differences(tree[group], candidate[group]) < differ:
            composed, chosen[group] = candidate, choice
    return chosen, composed


def _files_of(group: str) -> dict[str, Any]:
    """Return the sections in the files of a group, by file name; other files are skipped."""
    sections = {}
    for path in (CONF / group).glob("*.yaml"):
        section = section_of(path)
        if section is not None:
            sections[path.stem] = section
    return sections


def _differences(section: Any, other: Any) -> int:
    if not isinstance(section, dict) or not isinstance(other, dict):
        return int(section != other)
    ours, theirs = dict(flatten(section)), dict(flatten(other))
    return sum(key not in ours or key not in theirs or ours[key] != theirs[key] for key in {**ours, **theirs})
