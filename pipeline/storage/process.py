"""Processes named beyond doubt, and whether they still live."""

import os
import socket
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import psutil

LOST_SECONDS = 60.0
"""After how long a silence a process on another host counts as lost, unless it says so less often."""


def this_process() -> dict[str, Any]:
    """Return what names this process beyond doubt: numbers of processes are used again, and so are those of boots."""
    return {"host": socket.gethostname(), "boot": _boot(), "pid": os.getpid(), "started": _started(os.getpid())}


def is_alive(owner: Mapping[str, Any] | None, seen: float | None, lost_seconds: float = LOST_SECONDS) -> bool:
    """Tell whether a process lives.

    Args:
        owner: What `this_process` returned there; None before it was noted down.
        seen: Its last sign of life, in seconds since 1970: what is known of a process on another host.
        lost_seconds: After how long a silence one there counts as lost.
    """
    here = this_process()
    if owner is not None and owner["host"] == here["host"]:
        return bool(owner["boot"] == here["boot"] and _started(owner["pid"]) == owner["started"])
    return seen is not None and time.time() - seen < lost_seconds


def _boot() -> str:
    path = Path("/proc/sys/kernel/random/boot_id")
    return path.read_text(encoding="ascii").strip() if path.is_file() else f"{psutil.boot_time():.0f}"


def _started(pid: int) -> float | None:
    try:
        process = psutil.Process(pid)
        if process.status() == psutil.STATUS_ZOMBIE:
            return None
        return round(process.create_time(), 2)
    except psutil.NoSuchProcess:
        return None
