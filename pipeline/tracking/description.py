"""What MLflow's UI shows of a run at first: its name, the command that started it, and its description."""

import os
import shlex
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import psutil

from pipeline.config import Config, changes
from pipeline.tracking.tags import DVC_EXPERIMENT

LONGEST_NAME = 120
"""Characters of the name of a run; MLflow's tables cut longer ones off."""


def run_name(config: Config) -> str:
    """Return the experiment, what differs from it, and its name in `dvc exp`: `flights: epochs=3 (hip-ox)`."""
    changed = changes(config) or {}
    last = [key.rpartition(".")[2] for key in changed]
    shown = [
        f"{short if last.count(short) == 1 else key}={_short(value)}"
        for (key, value), short in zip(changed.items(), last, strict=True)
    ]
    name = f"{config.name}: {', '.join(shown)}" if shown else config.name
    end = f" ({dvc_experiment()})" if dvc_experiment() else ""
    room = LONGEST_NAME - len(end)
    return (name if len(name) <= room else f"{name[: room - 1]}…") + end


def _short(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def dvc_experiment() -> str:
    """Return the name of DVC's experiment that runs this stage; empty outside of `dvc exp run`."""
    return os.environ.get("DVC_EXP_NAME", "")


def dvc_tags() -> dict[str, str]:
    """Return the tag with the name of DVC's experiment, if there is one."""
    return {DVC_EXPERIMENT: dvc_experiment()} if dvc_experiment() else {}


def typed_command() -> str:
    """Return the command that a person typed: that of this process, or of the `dvc` or sweep that started it."""
    found = _shown([sys.executable, *sys.orig_argv[1:]]) or shlex.join(["python", *sys.orig_argv[1:]])
    with suppress(psutil.Error, OSError):  # an ancestor of another user, or one that has just ended
        for parent in psutil.Process().parents():
            found = _shown(parent.cmdline()) or found
    return found


def _shown(words: Sequence[str]) -> str:
    """Return a command of this project or of DVC in its short form; empty for any other."""
    for place, word in enumerate(words[:3]):
        if Path(word).name == "dvc":
            return shlex.join(["dvc", *words[place + 1 :]])
        if word == "-m" and words[place + 1 : place + 2] and words[place + 1].partition(".")[0] in ("pipeline", "dvc"):
            return shlex.join(["python", *words[place:]])
    return ""


def repeating(config: Config) -> str:
    """Return the command that runs an experiment with these settings again."""
    changed = changes(config)
    if changed is None:
        return f"dvc exp run   # with {config.name} in params.yaml"
    settings = {"experiment": config.name, **changed}
    return "dvc exp run " + " ".join(f"-S {shlex.quote(f'{key}={value}')}" for key, value in settings.items())


def footer(config: Config, run_id: str) -> str:
    """Return the end of every description: what differs from the experiment, and how to repeat the run, as Markdown."""
    changed = changes(config)
    if changed is None:
        differs = f"`{config.name}` is not an experiment in conf/; the settings are those of params.yaml."
    elif changed:
        differs = f"Differs from experiment `{config.name}`: " + ", ".join(f"`{k}={v}`" for k, v in changed.items())
    else:
        differs = f"The settings of experiment `{config.name}`, unchanged."
    return (
        f"{differs}\n\nRun it again: `{repeating(config)}`\n\n"
        f"Repeat exactly this run and compare: `python -m pipeline.reproduce {run_id}`\n"
    )
