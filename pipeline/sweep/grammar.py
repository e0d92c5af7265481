"""Converts Hydra's sweep grammar to Optuna's distributions."""

import json
import math
from typing import Any

from hydra.core.override_parser.types import ChoiceSweep, IntervalSweep, Override, RangeSweep
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution


def distribution_of(override: Override) -> BaseDistribution:
    """Return the distribution of an axis. Choices that are lists are encoded as JSON.

    Args:
        override: An override such as `key=choice(…)`, `key=range(…)` or `key=interval(…)`.

    Raises:
        ValueError: There are no values, or the tag is not supported.
    """
    sweep = override.value()
    tags = set(getattr(sweep, "tags", ()))
    if tags - ({"log"} if isinstance(sweep, IntervalSweep) else set()):
        raise ValueError(f"tag {', '.join(sorted(tags))}: not supported; the only tag is log, for interval(…)")
    if isinstance(sweep, ChoiceSweep):
        choices = [json.dumps(_plain(item)) if isinstance(item, list) else _plain(item) for item in sweep.list]
        if len(set(map(repr, choices))) < len(choices):
            raise ValueError("duplicate choice")
        return CategoricalDistribution(choices)
    if isinstance(sweep, RangeSweep):
        return _steps(sweep)
    if isinstance(sweep, IntervalSweep):
        low, high, is_log = sweep.start, sweep.end, "log" in sweep.tags
        if low is None or high is None or low >= high:
            raise ValueError("the interval is empty")
        if is_log and low <= 0:
            raise ValueError("a logarithmic interval must start above 0")
        if isinstance(low, int) and isinstance(high, int):
            return IntDistribution(low, high, log=is_log)
        return FloatDistribution(float(low), float(high), log=is_log)
    raise ValueError("not an axis; use choice(…), range(…) or interval(…)")


def _steps(sweep: RangeSweep) -> BaseDistribution:
    start, stop, step = sweep.start, sweep.stop, sweep.step
    if start is None or stop is None or step <= 0 or start >= stop:
        raise ValueError("the range is empty")
    # The stop is exclusive, as in Python.
    last = math.ceil((stop - start) / step - 1e-9) - 1
    if all(isinstance(number, int) for number in (start, stop, step)):
        return IntDistribution(int(start), int(start + last * step), step=int(step))
    return FloatDistribution(float(start), float(f"{start + last * step:.12g}"), step=float(step))


def _plain(item: Any) -> Any:
    if isinstance(item, list):
        return [_plain(element) for element in item]
    text = getattr(item, "text", item)  # Hydra wraps quoted strings
    if isinstance(text, bool | int | float | str):
        return text
    raise ValueError(f"{text!r} cannot be a setting; use a number, a string, true or false")
