"""Description of the machine that figures were measured on."""

import importlib.metadata
import os
import platform
from pathlib import Path


def machine(*packages: str) -> dict[str, str]:
    """Return the processor, the number of cores and the package versions."""
    info = Path("/proc/cpuinfo")
    names = (
        [line.partition(":")[2].strip() for line in info.read_text().splitlines() if line.startswith("model name")]
        if (info.is_file())
        else [platform.processor()]
    )
    versions = ", ".join(f"{name} {importlib.metadata.version(name)}" for name in packages)
    return {"machine": f"{os.cpu_count()} cores, {names[0] if names else 'unknown'}", "versions": versions}
