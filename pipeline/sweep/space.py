"""The search space: axes in Hydra's grammar, conditions between them, and how a trial draws from it."""

import json
import math
from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any, cast

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.errors import HydraException
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
    distribution_to_json,
)
from optuna.trial import Trial

from pipeline.config import ConfigError, check, did_you_mean, flatten
from pipeline.sweep.grammar import distribution_of

FIXED_SECTIONS = {
    "data": "would change preprocess, and with it what the trials are compared on",
    "evaluate": "changes no training",
    "export": "changes no training",
    "tracking": "changes no training",
    "name": "names the experiment",
    "task": "names the family",
}
Values = dict[str, Any]


@dataclass(frozen=True)
class Axis:
    """A setting that is searched.

    Attributes:
        key: Dotted path in the config.
        text: As it was written.
        distribution: What Optuna draws from; lists are drawn as their JSON.
        when: Values of other settings under which it matters, by key; else it is left as configured.
    """

    key: str
    text: str
    distribution: BaseDistribution
    when: Mapping[str, Sequence[Any]] = field(default_factory=dict)

    def value(self, drawn: Any) -> Any:
        """Return the setting of a draw."""
        return setting_of(drawn)

    def draw(self, value: Any) -> Any:
        """Return the draw of a setting."""
        return json.dumps(value) if isinstance(value, list) else value

    def holds(self, value: Any) -> bool:
        """Tell whether a setting lies in the axis."""
        drawn, distribution = self.draw(value), self.distribution
        if isinstance(distribution, CategoricalDistribution):
            return any(drawn == choice and type(drawn) is type(choice) for choice in distribution.choices)
        if isinstance(drawn, bool) or not isinstance(drawn, int | float):
            return False
        steps = _numeric(distribution)
        if not steps.low <= drawn <= steps.high:
            return False
        count = (drawn - steps.low) / steps.step if steps.step else 0
        return math.isclose(count, round(count), abs_tol=1e-9)

    def corners(self) -> list[Any]:
        """Return the settings that the config's own check must accept: every choice, or both ends."""
        if isinstance(self.distribution, CategoricalDistribution):
            return [self.value(choice) for choice in self.distribution.choices]
        steps = _numeric(self.distribution)
        return [steps.low, steps.high]


@dataclass(frozen=True)
class Space:
    """All axes, those that others hang on first."""

    axes: Sequence[Axis]

    def suggest(self, trial: Trial, tree: Mapping[str, Any]) -> Values:
        """Draw a setting for each axis that matters.

        Args:
            trial: To draw for.
            tree: The composed config, for conditions on settings that are no axes.
        """
        found: Values = {}
        fixed = dict(flatten(tree))
        for axis in self.axes:
            if _matters(axis, {**fixed, **found}):
                found[axis.key] = axis.value(_drawn(trial, axis))
        return found

    def draws(self, values: Mapping[str, Any], tree: Mapping[str, Any]) -> tuple[Values, list[str]]:
        """Turn settings into the draws of a trial.

        Args:
            values: Settings by key; those missing are as configured.
            tree: The composed config.

        Returns:
            The draws, and what speaks against them: settings outside their axis.
        """
        present = {**dict(flatten(tree)), **values}
        chosen = [axis for axis in self.axes if _matters(axis, present)]
        outside = [
            f"{axis.key}={present[axis.key]} is not in {axis.text}"
            for axis in chosen
            if not axis.holds(present[axis.key])
        ]
        return {axis.key: axis.draw(present[axis.key]) for axis in chosen}, outside

    def grid(self, tree: Mapping[str, Any]) -> list[Values]:
        """Return the settings of every point.

        Raises:
            ConfigError: An axis has no steps.
        """
        endless = [axis for axis in self.axes if _points(axis) is None]
        if endless:
            raise ConfigError(
                [f"{axis.key}: a grid takes choice(…) and range(…), received {axis.text}" for axis in endless]
            )
        fixed = dict(flatten(tree))
        points: list[Values] = [{}]
        for axis in self.axes:
            points = [
                {**point, axis.key: value}
                for point in points
                for value in ((_points(axis) or []) if _matters(axis, {**fixed, **point}) else [fixed.get(axis.key)])
            ]
        return list({json.dumps(point, sort_keys=True): point for point in points}.values())

    def describe(self) -> dict[str, Any]:
        """Return the space as plain values: two spaces are the same if these are."""
        return {
            axis.key: {
                "distribution": json.loads(distribution_to_json(axis.distribution)),
                "when": {k: list(v) for k, v in axis.when.items()},
            }
            for axis in sorted(self.axes, key=lambda axis: axis.key)
        }


def setting_of(drawn: Any) -> Any:
    """Return the setting of a draw: lists are drawn as their JSON, and steps of a float add up to its neighbours."""
    if isinstance(drawn, str) and drawn.startswith("["):
        return json.loads(drawn)
    return float(f"{drawn:.12g}") if isinstance(drawn, float) else drawn


def parse(
    params: Mapping[str, Any], arguments: Sequence[str], when: Mapping[str, Mapping[str, Any]]
) -> tuple[Space, list[str]]:
    """Read a search space; the command line adds to the file's axes, replaces them, or takes them out.

    Args:
        params: Key → an axis or a plain value, in Hydra's grammar.
        arguments: Overrides of the command line; a plain value takes its axis out of the space.
        when: Key of an axis → conditions, key → value or list of values.

    Returns:
        The space, and the overrides that are no axes.

    Raises:
        ConfigError: With all faults.
    """
    faults: list[str] = []
    found: dict[str, Override] = {}
    for text in [*(f"{key}={'null' if value is None else value}" for key, value in params.items()), *arguments]:
        try:
            override = OverridesParser.create().parse_override(text)
        except HydraException as error:
            faults.append(f"{text}: not in Hydra's grammar: {str(error).splitlines()[0]}")
            continue
        found[override.key_or_group] = override
    axes = {}
    for key, override in found.items():
        if override.is_sweep_override():
            try:
                axes[key] = Axis(
                    key, override.input_line.partition("=")[2], distribution_of(override), _conditions(when.get(key))
                )
            except ValueError as error:
                faults.append(f"{override.input_line}: {error}")
    fixed = [o.input_line for o in found.values() if not o.is_sweep_override()]
    faults += [
        f"hydra.sweeper.when.{key}: no axis of this name{did_you_mean(key, axes)}" for key in when if key not in found
    ]
    if not axes and not faults:
        faults.append(
            "the search space is empty: name a file of it (+sweep=table), or axes on the command line "
            "('model.embedding_dim=8,16,32', 'train.learning_rate=tag(log,interval(1e-4,1e-2))')"
        )
    if faults:
        raise ConfigError(faults)
    return Space(_ordered(axes)), fixed


def check_space(space: Space, tree: dict[str, Any]) -> None:
    """Refuse axes that no trial could run.

    Args:
        space: To check.
        tree: The composed config.

    Raises:
        ConfigError: With all faults: unknown keys with their nearest, values outside their range, sections that no
            sweep may change.
    """
    leaves = dict(flatten(tree))
    faults = []
    for axis in space.axes:
        section = axis.key.partition(".")[0]
        if section in FIXED_SECTIONS:
            faults.append(f"{axis.key}: no axis of a sweep: it {FIXED_SECTIONS[section]}")
        elif axis.key not in leaves:
            faults.append(f"{axis.key}: unknown key{did_you_mean(axis.key, leaves)}")
        elif unknown := [key for key in axis.when if key not in leaves]:
            faults += [
                f"hydra.sweeper.when.{axis.key}.{key}: unknown key{did_you_mean(key, leaves)}" for key in unknown
            ]
        else:
            faults += _out_of_range(axis, tree)
    if faults:
        raise ConfigError(list(dict.fromkeys(faults)))


def with_values(tree: dict[str, Any], values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the config with some settings changed."""
    changed = deepcopy(tree)
    for key, value in values.items():
        *sections, name = key.split(".")
        place = changed
        for section in sections:
            place = place[section]
        place[name] = value
    return changed


def _out_of_range(axis: Axis, tree: dict[str, Any]) -> list[str]:
    faults = []
    for value in axis.corners():
        try:
            # Under its own conditions: elsewhere no trial has it.
            conditions = {key: wanted[0] for key, wanted in axis.when.items()}
            check(with_values(tree, {**conditions, axis.key: value}))
        except ConfigError as error:
            hint = (
                " (whole numbers: int(interval(a,b)))" if isinstance(value, float) and "integer" in str(error) else ""
            )
            faults += [f"{fault}{hint}" for fault in error.faults]
    return faults


def _points(axis: Axis) -> list[Any] | None:
    if isinstance(axis.distribution, CategoricalDistribution):
        return axis.corners()
    steps = _numeric(axis.distribution)
    if steps.step is None or steps.log:
        return None
    count = round((steps.high - steps.low) / steps.step) + 1
    return [steps.low + index * steps.step for index in range(count)]


def _numeric(distribution: BaseDistribution) -> IntDistribution | FloatDistribution:
    return cast(IntDistribution | FloatDistribution, distribution)


def _conditions(when: Mapping[str, Any] | None) -> dict[str, list[Any]]:
    return {key: list(value) if isinstance(value, list | tuple) else [value] for key, value in (when or {}).items()}


def _drawn(trial: Trial, axis: Axis) -> Any:
    distribution = axis.distribution
    if isinstance(distribution, CategoricalDistribution):
        return trial.suggest_categorical(axis.key, distribution.choices)
    if isinstance(distribution, IntDistribution):
        return trial.suggest_int(
            axis.key, distribution.low, distribution.high, step=distribution.step, log=distribution.log
        )
    steps = _numeric(distribution)
    return trial.suggest_float(axis.key, steps.low, steps.high, step=steps.step, log=steps.log)


def _matters(axis: Axis, values: Mapping[str, Any]) -> bool:
    return all(key in values and values[key] in wanted for key, wanted in axis.when.items())


def _ordered(axes: Mapping[str, Axis]) -> list[Axis]:
    ordered: list[Axis] = []
    left = dict(axes)
    while left:
        ready = [axis for axis in left.values() if not any(key in left for key in axis.when)]
        if not ready:
            raise ConfigError([f"hydra.sweeper.when: {', '.join(left)} hang on each other"])
        ordered += ready
        left = {key: axis for key, axis in left.items() if axis not in ready}
    return ordered
