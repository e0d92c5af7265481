"""List runs with their state and main score."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial

from mlflow import MlflowClient
from mlflow.entities import Run as StoredRun

from pipeline.config import no_such
from pipeline.tracking.errors import TrackingError
from pipeline.tracking.lifecycle import RUNNING, is_lost
from pipeline.tracking.store import all_experiments, paged
from pipeline.tracking.tags import HEADLINE, PARENT


@dataclass(frozen=True)
class Listed:
    """One run in the list of runs.

    Attributes:
        run_id: The id of the run.
        experiment: The name of the MLflow experiment.
        name: The name of the run, as in MLflow's UI.
        state: `RUNNING`, `FINISHED`, `FAILED`, `KILLED`, or `LOST`: it should be running, but its process has ended.
        began: The start time in milliseconds since 1970.
        score: The name and value of the test score if the run was evaluated, otherwise of the last validation score;
            None before the first.
    """

    run_id: str
    experiment: str
    name: str
    state: str
    began: int
    score: tuple[str, float] | None


def listed(client: MlflowClient, experiments: Sequence[str], *, with_children: bool) -> Iterator[Listed]:
    """Yield the runs of some experiments, or of all if none is named, latest first.

    Raises:
        TrackingError: There is no experiment with one of the names.
    """
    names = {experiment.experiment_id: experiment.name for experiment in all_experiments(client)}
    if unknown := [name for name in experiments if name not in names.values()]:
        raise TrackingError(f"no MLflow experiment {no_such(unknown, names.values())}")
    chosen = {number: name for number, name in names.items() if not experiments or name in experiments}
    if not chosen:
        return
    latest_first = partial(client.search_runs, list(chosen), order_by=["attributes.start_time DESC"])
    run: StoredRun
    for run in paged(latest_first):
        if with_children or PARENT not in run.data.tags:
            state = "LOST" if run.info.status == RUNNING and is_lost(run) else run.info.status
            name = chosen[run.info.experiment_id]
            began = int(run.info.start_time)
            yield Listed(run.info.run_id, name, run.info.run_name or "", state, began, _score(run))


def _score(run: StoredRun) -> tuple[str, float] | None:
    headline = run.data.tags.get(HEADLINE)
    best = sorted(name for name in run.data.metrics if name.startswith("best/"))
    for name in (f"test/{headline}", f"val/{headline}", *best):
        if name in run.data.metrics:
            return name, float(run.data.metrics[name])
    return None
