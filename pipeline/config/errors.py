"""Errors in the configuration, and suggestions for misspelt names."""

from collections.abc import Iterable
from difflib import get_close_matches

from pipeline.storage import PipelineError


class ConfigError(PipelineError):
    """The configuration is invalid.

    Args:
        faults: One line for each problem.
        remedy: A line that says how to fix all of them, if there is such a way.
    """

    def __init__(self, faults: list[str], remedy: str = "") -> None:
        count = "1 problem" if len(faults) == 1 else f"{len(faults)} problems"
        super().__init__("\n  ".join([f"{count} in the configuration:", *faults]) + (f"\n{remedy}" if remedy else ""))
        self.faults = faults


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return `; did you mean X?` with the closest known name, or a short list of the known names if none is close."""
    names = sorted(set(known))
    nearest = _nearest(name, names)
    if nearest:
        return f"; did you mean {nearest}?"
    return f"; available: {_bounded(names)}" if names else ""


def no_such(absent: Iterable[str], known: Iterable[str]) -> str:
    """Return `'a' (did you mean 'b'?), 'c'; available: b, d`: the missing names, then the known ones."""
    names = sorted(set(known))
    shown = [
        repr(name) + (f" (did you mean {nearest!r}?)" if (nearest := _nearest(name, names)) else "") for name in absent
    ]
    return f"{', '.join(shown)}; available: {_bounded(names) or 'none'}"


def _nearest(name: str, names: list[str]) -> str | None:
    return next(iter(get_close_matches(name, names, n=1, cutoff=0.6)), None)


def _bounded(names: list[str]) -> str:
    return ", ".join(names[:12]) + (f", … ({len(names)} in total)" if len(names) > 12 else "")


class InterruptedRunError(PipelineError):
    """The command saved its work and stopped, after Ctrl-C, SIGTERM or the end of its parent process."""
