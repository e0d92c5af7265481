"""Run every benchmark and write docs/performance.md."""

import json
import subprocess
import sys
from pathlib import Path

from pipeline.storage import write_text

HERE = Path(__file__).parent
NONE = ("parity", "propose_tables", "quality_suite", "redhat_like")
"""Modules that this does not run: they print tables, write data, or take hours and write a page of their own."""
PAGE = HERE.parent / "docs" / "performance.md"


def main() -> None:
    """Run every benchmark in this folder with the given arguments (`--quick`)."""
    sections = ["# Performance\n\nWritten by `make bench`; each section is one run of `benchmarks/NAME.py`.\n"]
    for path in sorted(set(HERE.glob("[a-z]*.py")) - {HERE / f"{name}.py" for name in NONE}):
        print(f"benchmark {path.stem}", flush=True)
        command = [sys.executable, "-m", f"benchmarks.{path.stem}", *sys.argv[1:]]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            lines = [line.rstrip() for line in process.stdout or [] if print(line, end="", flush=True) is None]
        if process.returncode:
            sys.exit(f"benchmark {path.stem} failed")
        sections.append(_section(path.stem, json.loads(lines[-1])))
    write_text(PAGE, "\n".join(sections))


def _section(name: str, figures: dict[str, object]) -> str:
    rows = [f"| {key} | {value} |" for key, value in figures.items()]
    return "\n".join([f"## {name}\n", "| figure | value |", "|---|---|", *rows, ""])


if __name__ == "__main__":
    main()
