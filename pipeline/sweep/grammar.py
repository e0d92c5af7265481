"""Hydra's grammar of sweeps as Optuna's distributions."""

import json
import math
from typing import Any

from hydra.core.override_parser.types import ChoiceSweep, IntervalSweep, Override, RangeSweep
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution


def distribution_of(override: Override) -> BaseDistribution:
    """Return what Optuna draws an axis from; lists are choices by their JSON.

    Args:
        override: `key=choice(…)`, `key=range(…)` or `key=interval(…)`.

    Raises:
        ValueError: Without values, or a tag that means nothing here.
    """
    sweep = override.value()
    tags = set(getattr(sweep, "tags", ()))
    if tags - ({"log"} if isinstance(sweep, IntervalSweep) else set()):
        raise ValueError(f"tag {', '.join(sorted(tags))}: the only one is log, of an interval")
    if isinstance(sweep, ChoiceSweep):
        choices = [json.dumps(_plain(item)) if isinstance(item, list) else _plain(item) for item in sweep.list]
        if len(set(map(repr, choices))) < len(choices):
            raise ValueError("a choice stands there twice")
        return CategoricalDistribution(choices)
    if isinstance(sweep, RangeSweep):
        return _steps(sweep)
    if isinstance(sweep, IntervalSweep):
        low, high, is_log = sweep.start, sweep.end, "log" in sweep.tags
        if low is None or high is None or low >= high:
            raise ValueError("the interval is empty")
        if is_log and low <= 0:
            raise ValueError("a logarithmic interval begins above 0")
        if isinstance(low, int) and isinstance(high, int):
            return IntDistribution(low, high, log=is_log)
        return FloatDistribution(float(low), float(high), log=is_log)
    raise ValueError("no axis; give choice(…), range(…) or interval(…)")


def _steps(sweep: RangeSweep) -> BaseDistribution:
    start, stop, step = sweep.start, sweep.stop, sweep.step
    if start is None or stop is None or step <= 0 or start >= stop:
        raise ValueError("the range is empty")
    # As in Python, the stop is not reached.
    last = math.ceil((stop - start) / step - 1e-9) - 1
    if all(isinstance(each, int) for each in (start, stop, step)):
        return IntDistribution(int(start), int(start + last * step), step=int(step))
    return FloatDistribution(float(start), float(f"{start + last * step:.12g}"), step=float(step))


def _plain(item: Any) -> Any:
    if isinstance(item, list):
        return [_plain(each) for each in item]
    text = getattr(item, "text", item)  # of a quoted string
    if isinstance(text, bool | int | float | str):
        return text
    raise ValueError(f"{text!r} is no value of a setting")
