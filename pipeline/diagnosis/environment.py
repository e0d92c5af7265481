"""Checks of Python, the installed packages and the processors."""

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
REPAIR = "`rm -r .venv && make check` creates the environment again"
CGROUP = Path("/sys/fs/cgroup/cpu.max")
SHOWN = 5


def environment() -> Iterator[Finding]:
    """Compare Python and the installed packages with the requirements of the project."""
    version = sys.version_info[:2]
    if (3, 11) <= version < (3, 14):
        yield ok(f"Python {platform.python_version()}, in {sys.prefix}")
    else:
        yield fault(
            f"Python {platform.python_version()} is not supported; 3.11 to 3.13 are", f"install one of them; {REPAIR}"
        )
    mismatches = list(differing(LOCKED))
    if mismatches:
        shown = ", ".join(
            f"{name} {installed or 'missing'} (locked {locked})" for name, locked, installed in mismatches[:SHOWN]
        )
        more = f" and {len(mismatches) - SHOWN} more" if len(mismatches) > SHOWN else ""
        yield warning(f"packages differ from requirements.lock: {shown}{more}", REPAIR)
    else:
        yield ok("installed packages match requirements.lock")


def differing(lock: Path) -> Iterator[tuple[str, str, str | None]]:
    """Yield name, locked and installed version (None if missing) of each package that differs from the lock."""
    for line in lock.read_text(encoding="utf-8").splitlines():
        if re.match(r"[A-Za-z0-9]", line):
            wanted = Requirement(line.rstrip("\\ ").strip())
            if wanted.marker is not None and not wanted.marker.evaluate():
                continue
            version = str(wanted.specifier).removeprefix("==")
            try:
                installed: str | None = importlib.metadata.version(wanted.name)
            except importlib.metadata.PackageNotFoundError:
                installed = None
            if installed != version:
                yield wanted.name, version, installed


def threads() -> Iterator[Finding]:
    """Compare the configured number of threads with the number of available processors."""
    there = processors()
    allowed = _quota() or float(there)
    set_to = {name: os.environ[name] for name in THREADS if os.environ.get(name)}
    wrong = {name: value for name, value in set_to.items() if not value.isdigit()}
    most = max([int(value) for name, value in set_to.items() if name not in wrong], default=there)
    if wrong:
        yield fault(
            f"{', '.join(f'{n}={v}' for n, v in wrong.items())}: not a number", "unset it, or set it to a number"
        )
    elif most > allowed:
        yield warning(
            f"{most} threads for {allowed:g} processors"
            + (f" ({', '.join(f'{name}={value}' for name, value in set_to.items())})" if set_to else ""),
            f"`export OMP_NUM_THREADS={max(1, int(allowed))} TF_NUM_INTRAOP_THREADS={max(1, int(allowed))}`: more "
            "threads only wait for each other",
        )
    else:
        yield ok(
            f"{most} threads for {allowed:g} processors; another number of threads changes the last bits of the weights"
        )


def _quota() -> float | None:
    # A container may use only a share of the processors that it sees.
    try:
        quota, period = CGROUP.read_text(encoding="ascii").split()
        return None if quota == "max" else int(quota) / int(period)
    except (OSError, ValueError):
        return None
