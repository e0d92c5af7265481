"""Packages and machine now and then: what the last bits may hang on."""

from collections.abc import Iterator, Mapping

from pipeline.storage import THREADS

DECISIVE = ("keras", "numpy", "pandas", "pyarrow", "scikit-learn", "tensorflow", "sentencepiece", "h5py")
"""Packages that compute; others are counted only."""
MACHINE = ("python", "platform", "processors")
"""Known of every run; threads only where they were set."""


def environment_differences(then: str, now: str, machine: Mapping[str, str], here: Mapping[str, str]) -> Iterator[str]:
    """Give a line for each difference.

    Args:
        then: `name==version` lines of the run.
        now: Those of this environment.
        machine: Of the run, by name.
        here: This one.
    """
    for name in MACHINE:
        if name in machine and machine[name] != here.get(name):
            yield f"{name}: the run had {machine[name]}, here is {here.get(name)}"
    for name in THREADS:
        if machine.get(name) != here.get(name):
            yield f"{name}: {f'set to {machine[name]}' if name in machine else 'not set'}, as the run had it"
    old, new = _versions(then), _versions(now)
    others = 0
    for name in sorted({*old, *new}):
        if old.get(name) != new.get(name):
            if name in DECISIVE:
                yield f"{name}: the run had {old.get(name, 'none')}, here is {new.get(name, 'none')}"
            else:
                others += 1
    if others:
        yield f"{others} other packages differ"


def _versions(text: str) -> dict[str, str]:
    lines = (line.partition("==") for line in text.splitlines() if line and not line.startswith("#"))
    return {name.lower().replace("_", "-"): version for name, _, version in lines}
