"""Read the body of a request to the service: an object with a list of inputs, and options."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .errors import BundleError

MOST_INPUTS = 10_000
"""Largest number of rows, sentences, points or prompts of a request."""
Bounds = tuple[type, float, float]
"""Type of an option, its smallest and its largest value."""


def fields_of(request: Any, name: str, options: Mapping[str, Bounds]) -> tuple[list[Any], dict[str, Any]]:
    """Return the inputs of a request, and its options.

    Args:
        request: The body, decoded from JSON.
        name: Name of the field with the inputs.
        options: Names and bounds of the options.

    Raises:
        BundleError: The body lacks the inputs, has a field of another name, or an option is out of bounds.
    """
    shown = f'{{"{name}": […]}}'
    if not isinstance(request, Mapping):
        raise BundleError(f"expected an object, like {shown}; received {request!r:.60}")
    if name not in request:
        raise BundleError(f"no field {name!r}; expected an object like {shown}, received {', '.join(request) or '{}'}")
    if unknown := [key for key in request if key != name and key not in options]:
        raise BundleError(f"unknown field {', '.join(map(repr, unknown))}; known: {', '.join([name, *options])}")
    inputs = request[name]
    if not isinstance(inputs, list):
        raise BundleError(f"{name}: expected a list; received {inputs!r:.60}")
    if len(inputs) > MOST_INPUTS:
        raise BundleError(f"{name}: at most {MOST_INPUTS:,} in a request; received {len(inputs):,}")
    chosen = {key: _option(key, value, options[key]) for key, value in request.items() if key != name}
    return inputs, chosen


def _option(name: str, value: Any, bounds: Bounds) -> Any:
    kind, least, most = bounds
    is_number = isinstance(value, int) if kind is int else isinstance(value, int | float)
    if not is_number or isinstance(value, bool) or not least <= value <= most:
        words = "a whole number" if kind is int else "a number"
        raise BundleError(f"{name}: expected {words} from {least:g} to {most:g}; received {value!r:.60}")
    return kind(value)
