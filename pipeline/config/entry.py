"""The entry point of every command: validate the configuration, print an opening line, report errors in one message."""

import ast
import errno
import io
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from types import FrameType

import hydra
import yaml
from hydra.core.global_hydra import GlobalHydra
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import HydraException
from omegaconf import DictConfig
from omegaconf.errors import OmegaConfBaseException

from pipeline.config.compose import ROOT_CONFIG, load, unknown_choice
from pipeline.config.config import Config
from pipeline.config.differences import opening
from pipeline.config.errors import ConfigError, InterruptedRunError, did_you_mean
from pipeline.config.hydra_internals import argument_parser
from pipeline.config.stage import stage
from pipeline.storage import CONF, PipelineError

Command = Callable[[Config], None]
NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


def command(main: Command, *, sweeps: bool = False) -> Callable[[], None]:
    """Turn a function into a command, `python -m pipeline.NAME [OVERRIDES]`, which also takes Hydra's own flags.

    With `--config-dir . --config-name params` the command reads `params.yaml`, as DVC's stages do.

    Args:
        main: The function; it takes the validated configuration.
        sweeps: Whether `--multirun` starts a sweep.
    """

    def run() -> None:
        guarded(lambda: _run(main, sweeps))

    return run


def guarded(action: Callable[[], None]) -> None:
    """Run `action`, and report an error that the user can fix as a message instead of a traceback.

    The exit code is 1 after an error, 130 after an interruption, 141 if nobody reads the output any more, and 143 after
    SIGTERM.
    """
    signal.signal(signal.SIGTERM, _terminated)
    for stream in (sys.stdout, sys.stderr):  # terminals of other encodings lack some characters
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    try:
        action()
        sys.stdout.flush()
    except BrokenPipeError:  # the reader has seen enough, such as `head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(128 + signal.SIGPIPE)
    except InterruptedRunError as error:
        print(error, file=sys.stderr)
        sys.exit(130)
    except PipelineError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(1)
    except KeyboardInterrupt:
        print("Interrupted. Rerun the same command to resume from the last checkpoint.", file=sys.stderr)
        sys.exit(130)
    except Exception as error:
        if (message := _resource_message(error)) is None:
            raise
        print(f"error: {message}", file=sys.stderr)
        sys.exit(1)


def _resource_message(error: Exception) -> str | None:
    """Return advice for an error from a full disk or memory; None for any other error."""
    if isinstance(error, OSError) and (
        error.errno in NO_ROOM or any(os.strerror(number) in str(error) for number in NO_ROOM)
    ):
        return (
            f"Disk full: {error}. Existing outputs are intact. Free some space (`python -m pipeline.runs gc` lists "
            "what can be deleted) and rerun the same command; a training resumes from its last checkpoint."
        )
    # TensorFlow has an error class of its own, compared by name to avoid the import. The second text is the loader's,
    # if memory does not even suffice for TensorFlow's libraries.
    no_room = type(error).__name__ == "ResourceExhaustedError" or "failed to map segment" in str(error)
    if isinstance(error, MemoryError) or no_room:
        first = (str(error).strip().splitlines() or ["an allocation failed"])[0]
        return (
            f"Out of memory: {first}. Provide more memory, or reduce train.batch_size, train.ensemble_size, "
            "model.ensemble or model.embedding_dim, and rerun the same command."
        )
    return None


def _terminated(_number: int, _frame: FrameType | None) -> None:
    # As an exception, so that the MLflow run is closed. The default action would end the process at once.
    sys.exit(143)


def _run(main: Command, sweeps: bool) -> None:
    given = argument_parser().parse_args()
    if given.help:
        print(usage())
        return
    if given.hydra_help or given.shell_completion:
        _ask_hydra()
        return
    if given.multirun and not given.cfg and not given.info:
        if not sweeps:
            raise ConfigError(
                ["--multirun: only the train command has sweeps: python -m pipeline.train --multirun +sweep=table"]
            )
        if given.config_dir or given.config_name:
            raise ConfigError(
                [
                    "--multirun: composes conf/ for each trial; copy the files there, and remove --config-dir and "
                    "--config-name"
                ]
            )
        _sweep(given.overrides)
        return
    config = _loaded(given.overrides, given.config_dir, given.config_name)
    if given.cfg or given.info:
        _ask_hydra()
        return
    name = Path(sys.argv[0]).stem
    print(opening(name, config), flush=True)
    with stage(name):
        main(config)


def _loaded(overrides: list[str], config_dir: str | None, config_name: str | None) -> Config:
    """Compose as Hydra documents it: `--config-dir` adds a folder to conf/, `--config-name` names another root."""
    if config_dir is None:
        return load(overrides, CONF, config_name or ROOT_CONFIG)
    folder = Path(config_dir).resolve()
    if not folder.is_dir():
        raise ConfigError([f"--config-dir: {config_dir}: no such folder"])
    if config_name is not None:  # params.yaml, which is composed already
        return load(overrides, folder, config_name)
    return load(overrides, added=folder)


def _sweep(overrides: list[str]) -> None:
    # Hydra composes `hydra.sweeper` and calls the sweeper that it names. Errors are reported in this project's format.
    spaces = [OverridesParser.create().parse_override(text) for text in overrides if text.startswith("+sweep=")]
    if faults := [fault for space in spaces if (fault := unknown_choice(space, CONF))]:
        raise ConfigError(faults)
    for text in overrides:
        group, _, choice = text.partition("=")
        if group == "hydra/sweeper" and choice != "study":
            raise ConfigError(
                [f"{text}: sweeps run with hydra/sweeper=study, which tries every point of a finite space; remove this"]
            )
    settings = yaml.safe_load((CONF / "hydra" / "sweeper" / "study.yaml").read_text(encoding="utf-8"))
    for override in overrides:
        key = override.partition("=")[0].lstrip("+")
        name = key.removeprefix("hydra.sweeper.").partition(".")[0]
        if key.startswith("hydra.sweeper.") and name not in {*settings, "sampler", "pruner"}:
            raise ConfigError([f"{override}: unknown key{did_you_mean(name, settings)}"])
    try:
        with hydra.initialize_config_dir(str(CONF), version_base="1.3"):
            GlobalHydra.instance().hydra.multirun("config", _never, overrides, with_log_configuration=False)
    except (HydraException, OmegaConfBaseException) as error:
        raise ConfigError([str(error).strip()]) from error


def _ask_hydra() -> None:
    # Hydra answers questions about the configuration; other runs bypass it, as they need no Hydra folders or log files.
    hydra.main(version_base="1.3", config_path=str(CONF), config_name="config")(_never)()


def _never(_composed: DictConfig) -> None:
    raise RuntimeError("Hydra ran a job although it was only asked for information")


def usage() -> str:
    """Return the text of `--help`."""
    stage = Path(sys.argv[0]).stem
    doc = ast.get_docstring(ast.parse(Path(sys.argv[0]).read_text(encoding="utf-8"))) or ""
    experiments = ", ".join(sorted(path.stem for path in (CONF / "experiment").glob("*.yaml")))
    return (
        f"usage: python -m pipeline.{stage} [experiment=NAME] [KEY=VALUE ...]\n\n{doc}\n\n"
        f"experiments (conf/experiment): {experiments}\n"
        "keys: conf/ documents each key and its legal values; --cfg job shows the composition, "
        "--hydra-help shows Hydra's own flags"
    )
