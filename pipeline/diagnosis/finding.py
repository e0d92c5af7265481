"""The finding of a check."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Finding:
    """The result of a check, with a remedy.

    Attributes:
        state: `ok`; `warning`: it works, but not as it should; `fault`: something does not work.
        text: A description of the result.
        remedy: What to do about it; empty if the state is `ok`.
        mend: A function that applies the remedy, if that cannot lose data; None if the user must decide.
    """

    state: Literal["ok", "warning", "fault"]
    text: str
    remedy: str = ""
    mend: Callable[[], object] | None = None


def ok(text: str) -> Finding:
    """Return a finding of state `ok`."""
    return Finding("ok", text)


def warning(text: str, remedy: str, mend: Callable[[], object] | None = None) -> Finding:
    """Return a finding of state `warning`."""
    return Finding("warning", text, remedy, mend)


def fault(text: str, remedy: str, mend: Callable[[], object] | None = None) -> Finding:
    """Return a finding of state `fault`."""
    return Finding("fault", text, remedy, mend)
