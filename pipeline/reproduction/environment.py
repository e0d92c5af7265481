"""Compare the packages and the machine of a run with those here: the last bits may depend on them."""

from collections.abc import Iterator, Mapping

from pipeline.storage import THREADS

DECISIVE = ("keras", "numpy", "pandas", "pyarrow", "scikit-learn", "tensorflow", "sentencepiece", "h5py")
"""Packages that take part in the computation; of the others, only the number of differences is reported."""
MACHINE = ("python", "platform", "processors")
"""Recorded for every run; numbers of threads are recorded only if they were set."""


def environment_differences(then: str, now: str, machine: Mapping[str, str], here: Mapping[str, str]) -> Iterator[str]:
    """Yield one line per difference.

    Args:
        then: The packages of the run as lines `name==version`.
        now: The packages of this environment, in the same form.
        machine: The properties of the machine of the run, by name.
        here: The properties of this machine.
    """
    for name in MACHINE:
        if name in machine and machine[name] != here.get(name):
            yield f"{name}: {machine[name]} in the run, {here.get(name)} here"
    for name in THREADS:
        if machine.get(name) != here.get(name):
            yield f"{name}: now {f'set to {machine[name]}' if name in machine else 'not set'}, as in the run"
    old, new = _versions(then), _versions(now)
    others = 0
    for name in sorted({*old, *new}):
        if old.get(name) != new.get(name):
            if name in DECISIVE:
                yield f"{name}: {old.get(name, 'none')} in the run, {new.get(name, 'none')} here"
            else:
                others += 1
    if others:
        yield f"{others} other packages differ"


def _versions(text: str) -> dict[str, str]:
    lines = (line.partition("==") for line in text.splitlines() if line and not line.startswith("#"))
    return {name.lower().replace("_", "-"): version for name, _, version in lines}
