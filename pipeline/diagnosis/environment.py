"""Python, packages, processors."""

import importlib.metadata
import os
import platform
import re
import sys
from collections.abc import Iterator
from pathlib import Path

from packaging.requirements import Requirement

from pipeline.diagnosis.finding import Finding, fault, ok, warning
from pipeline.storage import PROJECT, THREADS, processors

LOCKED = PROJECT / "requirements.lock"
REPAIR = "`rm -r .venv && make check` makes the environment anew"
CGROUP = Path("/sys/fs/cgroup/cpu.max")
SHOWN = 5


def environment() -> Iterator[Finding]:
    """Compare Python and the installed packages with what the project asks for."""
    version = sys.version_info[:2]
    if (3, 11) <= version < (3, 14):
        yield ok(f"Python {platform.python_version()}, in {sys.prefix}")
    else:
        yield fault(f"Python {platform.python_version()} is none of 3.11 to 3.13", f"install one of them; {REPAIR}")
    differ = list(differing(LOCKED))
    if differ:
        shown = ", ".join(f"{name} {found or 'missing'} (locked {wanted})" for name, wanted, found in differ[:SHOWN])
        more = f" and {len(differ) - SHOWN} more" if len(differ) > SHOWN else ""
        yield warning(f"packages differ from requirements.lock: {shown}{more}", REPAIR)
    else:
        yield ok("packages are those of requirements.lock")


def differing(lock: Path) -> Iterator[tuple[str, str, str | None]]:
    """Give name, locked and installed version (None: missing) of the packages that are not as locked."""
    for line in lock.read_text(encoding="utf-8").splitlines():
        if re.match(r"[A-Za-z0-9]", line):
            wanted = Requirement(line.rstrip("\\ ").strip())
            if wanted.marker is not None and not wanted.marker.evaluate():
                continue
            version = str(wanted.specifier).removeprefix("==")
            try:
                found: str | None = importlib.metadata.version(wanted.name)
            except importlib.metadata.PackageNotFoundError:
                found = None
            if found != version:
                yield wanted.name, version, found


def threads() -> Iterator[Finding]:
    """Compare the threads that are asked for with the processors that may be used."""
    there = processors()
    allowed = _quota() or float(there)
    set_to = {name: os.environ[name] for name in THREADS if os.environ.get(name)}
    wrong = {name: value for name, value in set_to.items() if not value.isdigit()}
    most = max([int(value) for name, value in set_to.items() if name not in wrong], default=there)
    if wrong:
        yield fault(f"{', '.join(f'{n}={v}' for n, v in wrong.items())}: no number", "unset it, or give a number")
    elif most > allowed:
        yield warning(
            f"{most} threads for {allowed:g} processors"
            + (f" ({', '.join(f'{name}={value}' for name, value in set_to.items())})" if set_to else ""),
            f"`export OMP_NUM_THREADS={max(1, int(allowed))} TF_NUM_INTRAOP_THREADS={max(1, int(allowed))}`: more only "
            "wait for each other",
        )
    else:
        yield ok(f"{most} threads for {allowed:g} processors; another number changes the last bits of what is trained")


def _quota() -> float | None:
    # What a container may use, of the processors that it sees.
    try:
        quota, period = CGROUP.read_text(encoding="ascii").split()
        return None if quota == "max" else int(quota) / int(period)
    except (OSError, ValueError):
        return None
