"""Hydra's plugin for sweeps. Hydra imports this module at every start, even for `--help`, so it must load fast."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from hydra.core.plugins import Plugins
from hydra.plugins.sweeper import Sweeper
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig, open_dict

JOBLIB = "hydra_plugins.hydra_joblib_launcher.joblib_launcher.JoblibLauncher"


class StudySweeper(Sweeper):
    """Passes the search to `pipeline.sweep`, and starts its workers with Hydra's launcher.

    Args:
        settings: The composed settings under `hydra.sweeper`.
    """

    def __init__(self, **settings: Any) -> None:
        self._settings = settings

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        """Keep the context and the composed configuration."""
        self._context, self._config = hydra_context, config

    def sweep(self, arguments: list[str]) -> Any:
        """Run the sweep.

        Args:
            arguments: Overrides from the command line, without Hydra's own.
        """
        from pipeline.sweep import run_sweep

        return run_sweep(self._settings, list(arguments), self.launch)

    def launch(self, worker: Callable[[DictConfig], Any], folder: Path, workers: int) -> list[Any]:
        """Run several workers in a process each, or one worker in this process; return their results."""
        config = self._config.copy()
        with open_dict(config):
            config.hydra.sweep.dir = str(folder)
            if workers > 1 and "BasicLauncher" in config.hydra.launcher._target_:
                config.hydra.launcher = {"_target_": JOBLIB}
            if workers > 1 and config.hydra.launcher._target_ == JOBLIB:
                config.hydra.launcher.n_jobs = workers
        launcher = Plugins.instance().instantiate_launcher(
            hydra_context=self._context, task_function=worker, config=config
        )
        # Launchers compose again for each job; without these overrides, Hydra would leave a folder multirun/DATE.
        job = [f"hydra.sweep.dir='{folder}'", "hydra.sweep.subdir=.", "hydra.output_subdir=null"]
        return [job_return.return_value for job_return in launcher.launch([job] * workers, initial_job_idx=0)]
