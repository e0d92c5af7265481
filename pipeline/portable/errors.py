"""What a bundle refuses."""

from __future__ import annotations

from typing import Any


class BundleError(ValueError):
    """A bundle that is damaged or of another version, or input that it cannot take."""


def list_of(given: Any, kind: Any, expected: str) -> list[Any]:
    """Return what is given as a list.

    Args:
        given: Any iterable of `kind`; not one of them alone.
        kind: Of each.
        expected: In words, for the error.

    Raises:
        BundleError: It is something else.
    """
    if not isinstance(given, (str, bytes, dict)):
        try:
            found = list(given)
        except TypeError:
            found = [None]
        if all(isinstance(each, kind) for each in found):
            return found
    raise BundleError(f"expected a list of {expected}; received {given!r:.60}")
