"""Where Hydra looks for the sweeper. It imports this at every start, `--help` included: nothing slow here."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from hydra.core.plugins import Plugins
from hydra.plugins.sweeper import Sweeper
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig, open_dict

JOBLIB = "hydra_plugins.hydra_joblib_launcher.joblib_launcher.JoblibLauncher"


class StudySweeper(Sweeper):
    """Hands the search to `pipeline.sweep`, and places its workers through Hydra's launcher.

    Args:
        settings: `hydra.sweeper` as composed.
    """

    def __init__(self, **settings: Any) -> None:
        self._settings = settings

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        """Keep what Hydra composed."""
        self._context, self._config = hydra_context, config

    def sweep(self, arguments: list[str]) -> Any:
        """Search; arguments are the overrides of the command line, Hydra's own left out."""
        from pipeline.sweep import run_sweep

        return run_sweep(self._settings, list(arguments), self.launch)

    def launch(self, worker: Callable[[DictConfig], Any], folder: Path, workers: int) -> list[Any]:
        """Run a worker in each of several processes, or one in this process; return what they returned."""
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
        # Launchers compose anew for each job: without these, Hydra would leave a folder multirun/DATE behind.
        job = [f"hydra.sweep.dir='{folder}'", "hydra.sweep.subdir=.", "hydra.output_subdir=null"]
        return [each.return_value for each in launcher.launch([job] * workers, initial_job_idx=0)]
