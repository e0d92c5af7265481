"""Checks of a search space before the first trial: trials must be able to run, on the same data."""

from collections.abc import Callable, Mapping
from itertools import product
from typing import Any

from pipeline.config import ConfigError, check, did_you_mean, flatten, with_values
from pipeline.sweep.space import GROUPS, Axis, Space

FIXED_SECTIONS = {
    "data": "would change preprocess, and so the data on which trials are compared",
    "evaluate": "does not affect training",
    "export": "does not affect training",
    "tracking": "does not affect training",
    "name": "names the experiment",
    "task": "names the family",
}
Compose = Callable[[Mapping[str, str]], dict[str, Any]]
"""Composes a configuration with choices of groups."""


def check_space(space: Space, tree: dict[str, Any], compose: Compose | None = None) -> None:
    """Reject axes with which trials cannot run.

    Args:
        space: The search space.
        tree: The composed configuration.
        compose: Composes the configuration with other choices of groups; required if a group is an axis.

    Raises:
        ConfigError: Lists all errors: unknown keys, values out of range, sections that a sweep must not change.
    """
    faults = []
    trees = [(space.choices, tree)]
    groups = [axis for axis in space.axes if axis.is_group]
    if groups and compose:
        chosen = [dict(zip(space.choices, each, strict=True)) for each in product(*(axis.corners() for axis in groups))]
        trees = [(choices, compose(choices)) for choices in chosen]
        for choices, other in trees:
            faults += [
                f"{_shown_choices(choices)}: has another {section} than {_shown_choices(space.choices)}; the trials of "
                "a sweep are compared on the same data"
                for section in ("task", "data")
                if other[section] != tree[section]
            ]
    for axis in space.axes:
        section = axis.key.partition(".")[0]
        if axis.is_group:
            continue
        if section in FIXED_SECTIONS:
            faults.append(f"{axis.key}: cannot be searched: it {FIXED_SECTIONS[section]}")
            continue
        # With other choices of groups, the axis keeps its configured value, or does not exist.
        for choices, other in trees:
            if all(choices[key] in wanted for key, wanted in axis.when.items() if key in choices):
                faults += _faults_of(axis, other, choices)
    if faults:
        raise ConfigError(list(dict.fromkeys(faults)))


def _shown_choices(choices: Mapping[str, str]) -> str:
    return ", ".join(f"{group}={choice}" for group, choice in choices.items())


def _faults_of(axis: Axis, tree: dict[str, Any], choices: Mapping[str, str]) -> list[str]:
    leaves = {**dict(flatten(tree)), **choices}
    if axis.key not in leaves:
        hint = (
            f" with {_shown_choices(choices)}; name the choices that have it in hydra.sweeper.when" if choices else ""
        )
        return [f"{axis.key}: unknown key{hint or did_you_mean(axis.key, leaves)}"]
    if unknown := [key for key in axis.when if key not in leaves]:
        return [f"hydra.sweeper.when.{axis.key}.{key}: unknown key{did_you_mean(key, leaves)}" for key in unknown]
    return _out_of_range(axis, tree)


def _out_of_range(axis: Axis, tree: dict[str, Any]) -> list[str]:
    faults = []
    for value in axis.corners():
        try:
            # Trials use the axis only under its own conditions.
            conditions = {key: wanted[0] for key, wanted in axis.when.items() if key not in GROUPS}
            check(with_values(tree, {**conditions, axis.key: value}))
        except ConfigError as error:
            hint = (
                " (for integers, use int(interval(a,b)))"
                if isinstance(value, float) and "integer" in str(error)
                else ""
            )
            faults += [f"{fault}{hint}" for fault in error.faults]
    return faults
