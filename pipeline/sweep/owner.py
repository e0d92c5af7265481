"""Who runs a trial, and whether that process still lives."""

import os
import socket
import time
from pathlib import Path
from typing import Any

import psutil

SEEN_SECONDS, LOST_SECONDS = 5.0, 60.0
"""How often a trial says that it is alive, and after how long a silence one on another host counts as lost."""


def this_process() -> dict[str, Any]:
    """Return what names this process beyond doubt: numbers of processes are used again, and so are those of boots."""
    return {"host": socket.gethostname(), "boot": _boot(), "pid": os.getpid(), "started": _started(os.getpid())}


def is_alive(owner: dict[str, Any] | None, seen: float | None) -> bool:
    """Tell whether the process that runs a trial lives.

    Args:
        owner: What `this_process` returned there; None before it was noted down.
        seen: When the trial last gave a sign of life, in seconds since 1970.
    """
    here = this_process()
    if owner is not None and owner["host"] == here["host"]:
        return bool(owner["boot"] == here["boot"] and _started(owner["pid"]) == owner["started"])
    return seen is not None and time.time() - seen < LOST_SECONDS


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
