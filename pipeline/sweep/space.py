"""The search space: axes in Hydra's grammar, conditions between them, and drawing from them."""

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
    "data": "would change preprocess, and so the data on which trials are compared",
    "evaluate": "does not affect training",
    "export": "does not affect training",
    "tracking": "does not affect training",
    "name": "names the experiment",
    "task": "names the family",
}
Values = dict[str, Any]


@dataclass(frozen=True)
class Axis:
    """A setting that a sweep searches.

    Attributes:
        key: Dotted path of the setting in the configuration.
        text: The axis as the user wrote it.
        distribution: Optuna's distribution; lists are encoded as JSON.
        when: Conditions, other setting → its values. If one is not met, this setting keeps its configured value.
    """

    key: str
    text: str
    distribution: BaseDistribution
    when: Mapping[str, Sequence[Any]] = field(default_factory=dict)

    def value(self, drawn: Any) -> Any:
        """Return the setting that a drawn value stands for."""
        return setting_of(drawn)

    def draw(self, value: Any) -> Any:
        """Return a setting in the form in which Optuna stores it."""
        return json.dumps(value) if isinstance(value, list) else value

    def holds(self, value: Any) -> bool:
        """Return whether the axis contains a setting."""
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
        """Return the settings that must pass validation of the configuration: every choice, or both ends."""
        if isinstance(self.distribution, CategoricalDistribution):
            return [self.value(choice) for choice in self.distribution.choices]
        steps = _numeric(self.distribution)
        return [steps.low, steps.high]


@dataclass(frozen=True)
class Space:
    """The search space.

    Attributes:
        axes: All axes, in an order in which every axis follows those that it depends on.
    """

    axes: Sequence[Axis]

    def suggest(self, trial: Trial, tree: Mapping[str, Any]) -> Values:
        """Draw a setting for each axis whose conditions are met.

        Args:
            trial: The trial to draw for.
            tree: The composed configuration, for conditions on settings that are not axes.
        """
        drawn: Values = {}
        fixed = dict(flatten(tree))
        for axis in self.axes:
            if _is_active(axis, {**fixed, **drawn}):
                drawn[axis.key] = axis.value(_drawn(trial, axis))
        return drawn

    def draws(self, values: Mapping[str, Any], tree: Mapping[str, Any]) -> tuple[Values, list[str]]:
        """Convert settings to the parameters of an Optuna trial.

        Args:
            values: Settings by key; missing ones keep their configured value.
            tree: The composed configuration.

        Returns:
            The parameters, and a line for each setting that its axis does not contain.
        """
        present = {**dict(flatten(tree)), **values}
        chosen = [axis for axis in self.axes if _is_active(axis, present)]
        outside = [
            f"{axis.key}={present[axis.key]} is not in {axis.text}"
            for axis in chosen
            if not axis.holds(present[axis.key])
        ]
        return {axis.key: axis.draw(present[axis.key]) for axis in chosen}, outside

    def grid(self, tree: Mapping[str, Any]) -> list[Values]:
        """Return the settings of every point of the grid.

        Args:
            tree: The composed configuration.

        Raises:
            ConfigError: An axis is continuous.
        """
        continuous = [axis for axis in self.axes if _points(axis) is None]
        if continuous:
            raise ConfigError(
                [f"{axis.key}: a grid takes choice(…) and range(…), received {axis.text}" for axis in continuous]
            )
        fixed = dict(flatten(tree))
        points: list[Values] = [{}]
        for axis in self.axes:
            points = [
                {**point, axis.key: value}
                for point in points
                for value in ((_points(axis) or []) if _is_active(axis, {**fixed, **point}) else [fixed.get(axis.key)])
            ]
        return list({json.dumps(point, sort_keys=True): point for point in points}.values())

    def describe(self) -> dict[str, Any]:
        """Return the space as plain values, by which two spaces can be compared."""
        return {
            axis.key: {
                "distribution": json.loads(distribution_to_json(axis.distribution)),
                "when": {k: list(v) for k, v in axis.when.items()},
            }
            for axis in sorted(self.axes, key=lambda axis: axis.key)
        }


def setting_of(drawn: Any) -> Any:
    """Return the setting that a drawn value stands for: decode JSON lists, round off errors of float steps."""
    if isinstance(drawn, str) and drawn.startswith("["):
        return json.loads(drawn)
    return float(f"{drawn:.12g}") if isinstance(drawn, float) else drawn


def parse(
    params: Mapping[str, Any], arguments: Sequence[str], when: Mapping[str, Mapping[str, Any]]
) -> tuple[Space, list[str]]:
    """Parse a search space. The command line can add to the axes of the file, replace them and remove them.

    Args:
        params: Axes and fixed values by key, in Hydra's grammar.
        arguments: Overrides from the command line; a single value removes the axis from the space.
        when: Key of an axis → its conditions, each a key → a value or a list of values.

    Returns:
        The space, and the overrides that are not axes.

    Raises:
        ConfigError: Lists all errors.
    """
    faults: list[str] = []
    parsed: dict[str, Override] = {}
    for text in [*(f"{key}={'null' if value is None else value}" for key, value in params.items()), *arguments]:
        try:
            override = OverridesParser.create().parse_override(text)
        except HydraException as error:
            faults.append(f"{text}: not in Hydra's grammar: {str(error).splitlines()[0]}")
            continue
        parsed[override.key_or_group] = override
    axes = {}
    for key, override in parsed.items():
        if override.is_sweep_override():
            try:
                axes[key] = Axis(
                    key, override.input_line.partition("=")[2], distribution_of(override), _conditions(when.get(key))
                )
            except ValueError as error:
                faults.append(f"{override.input_line}: {error}")
    fixed = [o.input_line for o in parsed.values() if not o.is_sweep_override()]
    faults += [
        f"hydra.sweeper.when.{key}: there is no such axis{did_you_mean(key, axes)}" for key in when if key not in parsed
    ]
    if not axes and not faults:
        faults.append(
            "the search space is empty: name a search space (+sweep=table), or give axes on the command line "
            "('model.embedding_dim=8,16,32', 'train.learning_rate=tag(log,interval(1e-4,1e-2))')"
        )
    if faults:
        raise ConfigError(faults)
    return Space(_ordered(axes)), fixed


def check_space(space: Space, tree: dict[str, Any]) -> None:
    """Reject axes with which trials cannot run.

    Args:
        space: The search space.
        tree: The composed configuration.

    Raises:
        ConfigError: Lists all errors: unknown keys, values out of range, sections that a sweep must not change.
    """
    leaves = dict(flatten(tree))
    faults = []
    for axis in space.axes:
        section = axis.key.partition(".")[0]
        if section in FIXED_SECTIONS:
            faults.append(f"{axis.key}: cannot be searched: it {FIXED_SECTIONS[section]}")
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
    """Return a copy of a configuration with some settings changed."""
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
            # Trials use the axis only under its own conditions.
            conditions = {key: wanted[0] for key, wanted in axis.when.items()}
            check(with_values(tree, {**conditions, axis.key: value}))
        except ConfigError as error:
            hint = (
                " (for integers, use int(interval(a,b)))"
                if isinstance(value, float) and "integer" in str(error)
                else ""
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


def _is_active(axis: Axis, values: Mapping[str, Any]) -> bool:
    return all(key in values and values[key] in wanted for key, wanted in axis.when.items())


def _ordered(axes: Mapping[str, Axis]) -> list[Axis]:
    ordered: list[Axis] = []
    remaining = dict(axes)
    while remaining:
        ready = [axis for axis in remaining.values() if not any(key in remaining for key in axis.when)]
        if not ready:
            raise ConfigError([f"hydra.sweeper.when: {', '.join(remaining)} depend on each other"])
        ordered += ready
        remaining = {key: axis for key, axis in remaining.items() if axis not in ready}
    return ordered
