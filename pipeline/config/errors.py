"""Faults of the configuration, and names that come near."""

from collections.abc import Iterable
from difflib import get_close_matches

from pipeline.storage import PipelineError


class ConfigError(PipelineError):
    """The configuration cannot be run as it stands.

    Args:
        faults: All of them, a line each.
        remedy: What mends them all, where there is such a thing.
    """

    def __init__(self, faults: list[str], remedy: str = "") -> None:
        count = "1 fault" if len(faults) == 1 else f"{len(faults)} faults"
        super().__init__("\n  ".join([f"{count} in the config:", *faults]) + (f"\n{remedy}" if remedy else ""))
        self.faults = faults


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return `; did you mean X?` for the nearest known name, else a bounded list of what there is."""
    names = sorted(set(known))
    near = _nearest(name, names)
    if near:
        return f"; did you mean {near}?"
    return f"; there is {_bounded(names)}" if names else ""


def no_such(absent: Iterable[str], known: Iterable[str]) -> str:
    """Return `'a' (did you mean 'b'?), 'c'; there is b, d`: each absent name with its nearest, then what there is."""
    names = sorted(set(known))
    shown = [repr(name) + (f" (did you mean {near!r}?)" if (near := _nearest(name, names)) else "") for name in absent]
    return f"{', '.join(shown)}; there is {_bounded(names) or 'none'}"


def _nearest(name: str, names: list[str]) -> str | None:
    return next(iter(get_close_matches(name, names, n=1, cutoff=0.6)), None)


def _bounded(names: list[str]) -> str:
    return ", ".join(names[:12]) + (f", … ({len(names)} in all)" if len(names) > 12 else "")


class InterruptedRunError(PipelineError):
    """The command was told to stop (Ctrl-C, SIGTERM, the end of its parent) and did, with its work saved."""
