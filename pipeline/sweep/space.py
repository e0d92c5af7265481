"""The search space: axes in Hydra's grammar, conditions between them, and drawing from them."""

import json
import math
from collections.abc import Mapping, Sequence
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

from pipeline.config import ConfigError, did_you_mean, flatten
from pipeline.sweep.grammar import distribution_of

GROUPS = ("experiment", "model", "train")
"""Groups of conf/ that a sweep may choose among."""
MOST_POINTS = 10_000
"""Largest number of points of a space that counts as finite."""
Values = dict[str, Any]


@dataclass(frozen=True)
class Axis:
    """A setting that a sweep searches.

    Attributes:
        key: Dotted path of the setting in the configuration.
        text: The axis as the user wrote it.
        distribution: Optuna's distribution; lists are encoded as JSON.
        when: Conditions, other setting → its values. If one is not met, this setting keeps its configured value.
        is_group: Whether it is a group of conf/, such as `model`, whose values are names of files.
    """

    key: str
    text: str
    distribution: BaseDistribution
    when: Mapping[str, Sequence[Any]] = field(default_factory=dict)
    is_group: bool = False

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

    @property
    def choices(self) -> dict[str, str]:
        """The first choice of each group that is an axis, with which the configuration of the sweep is composed."""
        return {axis.key: str(axis.corners()[0]) for axis in self.axes if axis.is_group}

    def settings(self, tree: Mapping[str, Any]) -> Values:
        """Return the configured value of every setting, and the configured choice of every group that is an axis."""
        return {**dict(flatten(tree)), **self.choices}

    def suggest(self, trial: Trial, tree: Mapping[str, Any]) -> Values:
        """Draw a setting for each axis whose conditions are met.

        Args:
            trial: The trial to draw for.
            tree: The composed configuration, for conditions on settings that are not axes.
        """
        drawn: Values = {}
        fixed = self.settings(tree)
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
        present = {**self.settings(tree), **values}
        chosen = [axis for axis in self.axes if _is_active(axis, present) and axis.key in present]
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
        fixed = self.settings(tree)
        points: list[Values] = [{}]
        for axis in self.axes:
            points = [
                {**point, axis.key: value}
                for point in points
                for value in ((_points(axis) or []) if _is_active(axis, {**fixed, **point}) else [fixed.get(axis.key)])
            ]
        return list({json.dumps(point, sort_keys=True): point for point in points}.values())

    def size(self, tree: Mapping[str, Any]) -> int | None:
        """Return the number of points of the space; None if an axis is continuous."""
        if any(_points(axis) is None for axis in self.axes):
            return None
        return (
            len(self.grid(tree)) if math.prod(len(_points(axis) or []) for axis in self.axes) <= MOST_POINTS else None
        )

    def describe(self) -> dict[str, Any]:
        """Return the space as plain values, by which two spaces can be compared."""
        return {
            axis.key: {
                "distribution": json.loads(distribution_to_json(axis.distribution)),
                "when": {k: list(v) for k, v in axis.when.items()},
            }
            for axis in sorted(self.axes, key=lambda axis: axis.key)
        }


def shown_settings(values: Mapping[str, Any]) -> str:
    """Return settings as `KEY=VALUE …`, for the terminal and for names of runs."""
    return " ".join(f"{key}={f'{value:.4g}' if isinstance(value, float) else value}" for key, value in values.items())


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
                text, conditions = override.input_line.partition("=")[2], _conditions(when.get(key))
                axes[key] = Axis(key, text, distribution_of(override), conditions, is_group=key in GROUPS)
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
