"""The record of a sweep: a parent run, a child a trial. Several processes write; none of them is the active run."""

from mlflow import MlflowClient
from mlflow.entities import RunStatus

from pipeline.tracking.lifecycle import PARENT, find_run
from pipeline.tracking.run import Run
from pipeline.tracking.store import experiment_id, open_store

SWEEP = "onehot.sweep"
FINISHED, FAILED, KILLED = (
    RunStatus.to_string(each) for each in (RunStatus.FINISHED, RunStatus.FAILED, RunStatus.KILLED)
)


class SweepRecord:
    """Runs of one sweep.

    Args:
        uri: Of the tracking store; None for the one at the root.
        experiment: MLflow's, named as the pipeline's.
    """

    def __init__(self, uri: str | None, experiment: str) -> None:
        self._client: MlflowClient = open_store(uri)
        self._name = experiment
        self._experiment = experiment_id(self._client, experiment, uri)

    def parent(self, study: str) -> Run:
        """Return the run of a sweep: the one that an earlier start made, else a new one."""
        known = find_run(self._client, self._name, {SWEEP: study})
        if known is not None:
            self._client.update_run(known, RunStatus.to_string(RunStatus.RUNNING))
            return Run(self._client, known, resumed=True)
        return self._new(f"sweep {study}", {SWEEP: study})

    def child(self, parent: str, name: str, tags: dict[str, str]) -> Run:
        """Make the run of a trial."""
        return self._new(name, {PARENT: parent, **tags})

    def run(self, run_id: str) -> Run:
        """Return a run that is known by its id."""
        return Run(self._client, run_id, resumed=True)

    def end(self, run_id: str, status: str) -> None:
        """Close a run: `FINISHED`, `FAILED` or `KILLED`."""
        self._client.set_terminated(run_id, status)

    def _new(self, name: str, tags: dict[str, str]) -> Run:
        made = self._client.create_run(self._experiment, run_name=name, tags=tags)
        return Run(self._client, made.info.run_id, resumed=False)
