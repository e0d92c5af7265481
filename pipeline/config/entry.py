"""The one way into every command: check the configuration, open with one line, report errors without a traceback."""

import sys
from collections.abc import Callable
from pathlib import Path

import hydra
from hydra._internal.utils import get_args_parser
from omegaconf import DictConfig

from pipeline.config.compose import flatten, load, tree_of
from pipeline.config.config import Config
from pipeline.config.errors import ConfigError, PipelineError
from pipeline.storage import CONF

Command = Callable[[Config], None]


def command(main: Command) -> Callable[[], None]:
    """Make a command of a function: `python -m pipeline.NAME [OVERRIDES]`, with Hydra's own flags.

    With `--config-dir . --config-name params` it reads `params.yaml` as DVC's stages do.
    """

    def run() -> None:
        guarded(lambda: _run(main))

    return run


def guarded(action: Callable[[], None]) -> None:
    """Run `action`; an error that the user can mend ends the process with its message and exit code 1."""
    try:
        action()
    except PipelineError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(1)
    except KeyboardInterrupt:
        print("interrupted; the same command goes on from the last checkpoint, where there is one", file=sys.stderr)
        sys.exit(130)


def _run(main: Command) -> None:
    given = get_args_parser().parse_args()
    if given.multirun:
        raise ConfigError(["--multirun: a sweep needs a sweeper, which this version has not; see CHANGELOG.md"])
    if given.help or given.hydra_help or given.shell_completion:
        _ask_hydra()
        return
    folder = Path(given.config_dir) if given.config_dir else CONF
    config = load(given.overrides, folder, given.config_name or "config")
    if given.cfg or given.info:
        _ask_hydra()
        return
    print(opening(Path(sys.argv[0]).stem, config), flush=True)
    main(config)


def _ask_hydra() -> None:
    # Questions about the configuration are Hydra's to answer; a run needs none of its folders and log files.
    hydra.main(version_base="1.3", config_path=str(CONF), config_name="config")(_never)()


def _never(_composed: DictConfig) -> None:
    raise RuntimeError("Hydra was asked a question and ran a job")


def opening(stage: str, config: Config) -> str:
    """Say which experiment a stage runs and what differs from it.

    DVC keeps no comments in `params.yaml`, so the difference is worked out from the composed experiment.
    """
    composed = tree_of(config.name)
    if composed is None:
        return f"{stage}: {config.name} (no file of this name in conf/experiment)"
    usual = dict(flatten(composed))
    changed = [
        f"{key}={value} (not {usual[key]})" if key in usual else f"{key}={value}"
        for key, value in flatten(config.tree)
        if key not in usual or usual[key] != value
    ]
    return f"{stage}: experiment {config.name}" + (f" with {', '.join(changed)}" if changed else "")
