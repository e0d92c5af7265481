"""Identify processes uniquely, and find out whether they are alive."""

import os
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import psutil

THREADS = ("OMP_NUM_THREADS", "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS")
"""Environment variables that set the number of threads, on which the last bits of trained weights depend."""
LOST_SECONDS = 60.0
"""The default silence after which a process that is not visible from here counts as lost."""


def this_process() -> dict[str, Any]:
    """Return a unique identification of this process; its id alone is not unique, because ids are reused."""
    return {**_here(), "pid": os.getpid(), "started": _started(os.getpid())}


def is_alive(owner: Mapping[str, Any] | None, seen: float | None, lost_seconds: float = LOST_SECONDS) -> bool:
    """Return whether a process is alive.

    Args:
        owner: What `this_process` returned in that process; None if that has not been recorded yet.
        seen: The time of its last heartbeat in seconds since 1970, which decides for a process on another host or in
            another container; None if there was none.
        lost_seconds: The silence after which such a process counts as lost.
    """
    here = _here()
    if owner is not None and owner["host"] == here["host"]:
        if owner["boot"] != here["boot"]:
            return False
        if owner.get("space") == here["space"]:
            return bool(_started(owner["pid"]) == owner["started"])
    return seen is not None and time.time() - seen < lost_seconds


def processors() -> int:
    """Return the number of processors that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@contextmanager
def repeated(action: Callable[[], object], seconds: float) -> Iterator[None]:
    """Call `action` every `seconds` seconds in a background thread while the block runs; a failed call is retried."""
    stopped = threading.Event()

    def run() -> None:
        reported = ""
        while not stopped.wait(seconds):
            try:
                action()
            except Exception as error:  # a database, a server or a driver may be unavailable for a moment
                if str(error) != reported:
                    reported = str(error)
                    with suppress(OSError, ValueError):  # the reader of the output may be gone
                        print(f"{type(error).__name__}: {reported}; retrying", file=sys.stderr, flush=True)
            else:
                reported = ""

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    try:
        yield
    finally:
        stopped.set()
        thread.join()


def _here() -> dict[str, Any]:
    boot, space = Path("/proc/sys/kernel/random/boot_id"), Path("/proc/self/ns/pid")
    return {
        "host": socket.gethostname(),
        "boot": boot.read_text(encoding="ascii").strip() if boot.is_file() else f"{psutil.boot_time():.0f}",
        # Containers may share a host name, but each has its own process ids.
        "space": os.readlink(space) if space.is_symlink() else "",
    }


def _started(pid: int) -> float | None:
    stat = Path(f"/proc/{pid}/stat")
    if Path("/proc/self/stat").is_file():
        try:
            # After the name, which may contain anything: field 1 is the state, field 20 the start in ticks since boot.
            fields = stat.read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
        except OSError:
            return None
        return None if fields[0] in "ZX" else float(fields[19])
    try:
        process = psutil.Process(pid)
        # This changes if the clock is set, but nothing better is available here.
        return None if process.status() == psutil.STATUS_ZOMBIE else round(process.create_time(), 2)
    except psutil.NoSuchProcess:
        return None
