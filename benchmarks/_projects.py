"""Copies of this project in which benchmarks run the commands as a user would."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

from pipeline.storage import PROJECT


def copy_project(folder: Path) -> None:
    """Copy the code and the configs of this project into an existing or new folder, as a git repository."""
    for name in ("conf", "hydra_plugins", "pipeline"):
        shutil.copytree(PROJECT / name, folder / name)
    for name in ("dvc.yaml", "params.yaml", "pyproject.toml"):
        shutil.copy(PROJECT / name, folder)
    subprocess.run(["git", "init", "--quiet"], cwd=folder, check=True)


def run_command(folder: Path, module: str, *arguments: str, may_fail: bool = False) -> str:
    """Run `python -m pipeline.MODULE` in a copy; return what it printed, or exit with that if it failed."""
    environment = {**os.environ, "DVC_ROOT": str(folder), "PYTHONPATH": str(folder)}
    command = [sys.executable, "-m", f"pipeline.{module}", *arguments]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    if done.returncode and not may_fail:
        sys.exit(f"{folder}: {module} failed:\n{done.stdout}{done.stderr}")
    return done.stdout + done.stderr
