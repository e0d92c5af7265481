"""Errors of bundles, and a check of their input."""

from __future__ import annotations

from typing import Any


class BundleError(ValueError):
    """A bundle is corrupt or of another version, or its input is invalid."""


def list_of(given: Any, kind: Any, expected: str) -> list[Any]:
    """Return the input as a list.

    Args:
        given: An iterable of `kind`; a single element is an error.
        kind: The type of the elements.
        expected: A description of the elements, for the error message.

    Raises:
        BundleError: The input is not an iterable of `kind`.
    """
    if not isinstance(given, (str, bytes, dict)):
        try:
            elements = list(given)
        except TypeError:
            elements = [None]
        if all(isinstance(element, kind) for element in elements):
            return elements
    raise BundleError(f"expected a list of {expected}; received {given!r:.60}")
