"""A command in a copy of the project, watched while it runs."""

import queue
import re
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from types import MappingProxyType

import psutil
from conftest import Project


class Running:
    """A command that runs, and what it prints.

    Attributes:
        process: Its process.
        output: What it printed, as far as it was read.
        at: After how many seconds `dvc repro` began each stage.
    """

    def __init__(self, project: Project, *command: str, environment: Mapping[str, str] = MappingProxyType({})) -> None:
        self.began = time.monotonic()
        self.output = ""
        self.at: dict[str, float] = {}
        self.process = project.start(*command, environment=environment)
        self._lines: queue.Queue[str | None] = queue.Queue()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        with self.process.stdout as stream:
            for line in stream:
                if found := re.match(r"Running stage '(\w+)'", line):
                    self.at.setdefault(found[1], time.monotonic() - self.began)
                self._lines.put(line)
        self._lines.put(None)

    def says(self, text: str, seconds: float = 300) -> bool:
        """Wait until a line holds a text; False where the command ends before."""
        deadline = time.monotonic() + seconds
        while (line := self._lines.get(timeout=max(0.1, deadline - time.monotonic()))) is not None:
            self.output += line
            if text in line:
                return True
        self._lines.put(None)
        return False

    def wait_for(self, text: str) -> None:
        """Wait until a line holds a text."""
        assert self.says(text), f"{text!r} was never said:\n{self.output}"

    def runs_stage(self, name: str) -> bool:
        """Wait until `dvc repro` begins a stage; False where it ends before."""
        return name in self.at or self.says(f"Running stage '{name}'")

    def kill(self) -> None:
        """End the command and what it started, whatever they do; nothing happens where it has ended."""
        with suppress(psutil.NoSuchProcess):
            for child in psutil.Process(self.process.pid).children(recursive=True):
                with suppress(psutil.NoSuchProcess):
                    child.kill()
        with suppress(ProcessLookupError):
            self.process.kill()
        self.process.wait()

    def end(self) -> int:
        """Wait until it ends; return its exit status."""
        while (line := self._lines.get(timeout=300)) is not None:
            self.output += line
        return self.process.wait()
