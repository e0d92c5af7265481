"""What runs there are, and how they stand."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial

from mlflow import MlflowClient
from mlflow.entities import Run as StoredRun

from pipeline.config import no_such
from pipeline.tracking.lifecycle import HEADLINE, PARENT, RUNNING, is_lost
from pipeline.tracking.store import TrackingError, all_experiments, paged


@dataclass(frozen=True)
class Listed:
    """A run as a list shows it.

    Attributes:
        run_id: The id.
        experiment: MLflow's.
        name: As the store's pages show it.
        state: `RUNNING`, `FINISHED`, `FAILED`, `KILLED`, or `LOST`: it should be running, and its process has ended.
        began: Milliseconds since 1970.
        score: Of the test rows where it was evaluated, else the last of the validation rows; by name. None before.
    """

    run_id: str
    experiment: str
    name: str
    state: str
    began: int
    score: tuple[str, float] | None


def listed(client: MlflowClient, experiments: Sequence[str], *, with_children: bool) -> Iterator[Listed]:
    """Give the runs of some experiments, or of all where none is named; the latest first.

    Raises:
        TrackingError: There is no experiment of a name.
    """
    there = {each.experiment_id: each.name for each in all_experiments(client)}
    if absent := [name for name in experiments if name not in there.values()]:
        raise TrackingError(f"no MLflow experiment {no_such(absent, there.values())}")
    named = {number: name for number, name in there.items() if not experiments or name in experiments}
    if not named:
        return
    latest_first = partial(client.search_runs, list(named), order_by=["attributes.start_time DESC"])
    run: StoredRun
    for run in paged(latest_first):
        if with_children or PARENT not in run.data.tags:
            state = "LOST" if run.info.status == RUNNING and is_lost(run) else run.info.status
            name = named[run.info.experiment_id]
            began = int(run.info.start_time)
            yield Listed(run.info.run_id, name, run.info.run_name or "", state, began, _score(run))


def _score(run: StoredRun) -> tuple[str, float] | None:
    headline = run.data.tags.get(HEADLINE)
    best = sorted(name for name in run.data.metrics if name.startswith("best/"))
    for name in (f"test/{headline}", f"val/{headline}", *best):
        if name in run.data.metrics:
            return name, float(run.data.metrics[name])
    return None
