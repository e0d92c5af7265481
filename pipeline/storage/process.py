"""Processes named beyond doubt, and whether they still live."""

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
"""Environment variables that set the number of threads: the last bits of what is trained hang on them."""
LOST_SECONDS = 60.0
"""After how long a silence a process that cannot be seen from here counts as lost, unless it speaks less often."""


def this_process() -> dict[str, Any]:
    """Return what names this process beyond doubt: numbers of processes are used again, and so are those of boots."""
    return {**_here(), "pid": os.getpid(), "started": _started(os.getpid())}


def is_alive(owner: Mapping[str, Any] | None, seen: float | None, lost_seconds: float = LOST_SECONDS) -> bool:
    """Tell whether a process lives.

    Args:
        owner: What `this_process` returned there; None before it was noted down.
        seen: Its last sign of life, in seconds since 1970: what is known of a process on another host or in another
            container.
        lost_seconds: After how long a silence one there counts as lost.
    """
    here = _here()
    if owner is not None and owner["host"] == here["host"]:
        if owner["boot"] != here["boot"]:
            return False
        if owner.get("space") == here["space"]:
            return bool(_started(owner["pid"]) == owner["started"])
    return seen is not None and time.time() - seen < lost_seconds


def processors() -> int:
    """Return how many processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@contextmanager
def repeated(action: Callable[[], object], seconds: float) -> Iterator[None]:
    """Do something every so many seconds, in a thread of its own, while the block runs; what fails is tried again."""
    over = threading.Event()

    def run() -> None:
        told = ""
        while not over.wait(seconds):
            try:
                action()
            except Exception as error:  # a database, a server, a driver: away for a moment
                if str(error) != told:
                    told = str(error)
                    with suppress(OSError, ValueError):  # the reader of the output may be gone
                        print(f"{type(error).__name__}: {told}; it is tried again", file=sys.stderr, flush=True)
            else:
                told = ""

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def _here() -> dict[str, Any]:
    boot, space = Path("/proc/sys/kernel/random/boot_id"), Path("/proc/self/ns/pid")
    return {
        "host": socket.gethostname(),
        "boot": boot.read_text(encoding="ascii").strip() if boot.is_file() else f"{psutil.boot_time():.0f}",
        # Containers with one name for the host have numbers of their own.
        "space": os.readlink(space) if space.is_symlink() else "",
    }


def _started(pid: int) -> float | None:
    stat = Path(f"/proc/{pid}/stat")
    if Path("/proc/self/stat").is_file():
        try:
            # After the name, which may hold anything: the state first, ticks since the boot as the 20th.
            fields = stat.read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
        except OSError:
            return None
        return None if fields[0] in "ZX" else float(fields[19])
    try:
        process = psutil.Process(pid)
        # Moves with the clock, but there is nothing better here.
        return None if process.status() == psutil.STATUS_ZOMBIE else round(process.create_time(), 2)
    except psutil.NoSuchProcess:
        return None
