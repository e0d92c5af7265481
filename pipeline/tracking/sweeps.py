"""The runs of a sweep: one parent run and one child run per trial. Several processes write to them."""

import time

from mlflow import MlflowClient

from pipeline.config import Config
from pipeline.tracking.lifecycle import KILLED, close_run, find_run, open_run, reap
from pipeline.tracking.outbox import outbox
from pipeline.tracking.run import Run
from pipeline.tracking.store import BETWEEN_TRAININGS, answering, open_store, store_uri
from pipeline.tracking.tags import PARENT, SWEEP


class SweepRecord:
    """The runs of one sweep.

    Args:
        config: The configuration, which names the MLflow experiment and the store.
    """

    def __init__(self, config: Config) -> None:
        self._config = config
        self._client: MlflowClient = open_store(config.tracking.uri)

    def parent(self, study: str) -> Run:
        """Return the run of a sweep: that of an earlier start if there is one, otherwise a new run."""
        with answering(self._config.tracking.uri):
            for line in reap(self._client):
                print(line, flush=True)
            known = find_run(self._client, self._config.name, {SWEEP: study})
            return open_run(self._client, self._config, {SWEEP: study}, known, f"sweep {study}")

    def child(self, parent: str, name: str, tags: dict[str, str]) -> Run:
        """Create the run of a trial; wait for a store that does not respond."""
        client = open_store(self._config.tracking.uri, patience=BETWEEN_TRAININGS)
        with answering(self._config.tracking.uri):
            return open_run(client, self._config, {PARENT: parent, **tags}, None, name)

    def run(self, run_id: str) -> Run:
        """Return a run that another process opened."""
        with answering(self._config.tracking.uri):
            return Run(store_uri(self._config.tracking.uri), self._client.get_run(run_id), resumed=True)

    def end(self, run: Run, status: str) -> None:
        """Close a run with a status: `FINISHED`, `FAILED` or `KILLED`."""
        close_run(run, status)

    def lose(self, run_id: str) -> None:
        """Mark the run of a process that has ended as KILLED."""
        content = {"status": KILLED, "time": time.time_ns() // 1_000_000}
        outbox().put(store_uri(self._config.tracking.uri), run_id, "end", content)
