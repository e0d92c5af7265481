"""One finding."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Finding:
    """What was looked at, and what to do about it.

    Attributes:
        state: `ok`; `warning`: it works, but; `fault`: something does not work.
        text: What was found.
        remedy: What to do; empty where all is well.
        mend: Does it, where that can lose nothing; None where the user must decide.
    """

    state: Literal["ok", "warning", "fault"]
    text: str
    remedy: str = ""
    mend: Callable[[], object] | None = None


def ok(text: str) -> Finding:
    """Return that all is well."""
    return Finding("ok", text)


def warning(text: str, remedy: str, mend: Callable[[], object] | None = None) -> Finding:
    """Return that something works, but not as it should."""
    return Finding("warning", text, remedy, mend)


def fault(text: str, remedy: str, mend: Callable[[], object] | None = None) -> Finding:
    """Return that something does not work."""
    return Finding("fault", text, remedy, mend)
