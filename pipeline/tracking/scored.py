"""Find runs by what a person calls them, and read what is needed to compare them."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from mlflow import MlflowClient
from mlflow.entities import Run as StoredRun
from mlflow.exceptions import MlflowException

from pipeline.config import no_such
from pipeline.metrics import TestScores
from pipeline.storage import CURVES, TEST_SCORES
from pipeline.tracking.errors import TrackingError
from pipeline.tracking.redaction import redacted
from pipeline.tracking.registry import registered
from pipeline.tracking.run import RunReference
from pipeline.tracking.store import all_experiments, paged
from pipeline.tracking.tags import COMMIT, DATA, DIRTY, DVC_EXPERIMENT, PARENT

THIS = "models"
"""Names the run that trained the network in `models/`."""
SHORTEST_PREFIX = 4
"""Number of characters of a run id that name the run, if no other begins with them."""
MODEL_URI = "models:/"
TEXT, PAGE = "comparison.txt", "comparison.html"
"""Files of a comparison in a run's record."""
Curve = Sequence[tuple[int, float]]


@dataclass(frozen=True)
class ScoredRun:
    """A run whose network was scored.

    Attributes:
        run_id: The id of the run.
        name: The name of the run.
        experiment: The name of the MLflow experiment.
        params: Key → setting, as text.
        data: Hash of the prepared data.
        code: The commit, with a note if the code differed from it.
        scores: The scores on the test examples.
        curves: Metric of the training → its values by epoch.
        tables: Name → content of each CSV file of a curve.
    """

    run_id: str
    name: str
    experiment: str
    params: Mapping[str, str]
    data: str
    code: str
    scores: TestScores
    curves: Mapping[str, Curve]
    tables: Mapping[str, str]


def find(client: MlflowClient, name: str) -> StoredRun:
    """Return the run that a name stands for.

    Args:
        client: The client of the store.
        name: A run id or its beginning, the name of a run or of DVC's experiment, `models`, or `models:/NAME@ALIAS`.

    Raises:
        TrackingError: No run or several runs have this name.
    """
    if name.startswith(MODEL_URI):
        return client.get_run(registered(client, name).run_id)
    run_id = RunReference.load().run_id if name == THIS else name
    try:
        return client.get_run(run_id)
    except MlflowException:
        pass
    runs = list(_top_runs(client))
    named = [run for run in runs if name in (run.info.run_name, run.data.tags.get(DVC_EXPERIMENT))]
    if not named and len(name) >= SHORTEST_PREFIX:
        named = [run for run in runs if run.info.run_id.startswith(name)]
    if len(named) > 1:
        shown = ", ".join(f"{run.info.run_id} ({run.info.run_name})" for run in named[:5])
        raise TrackingError(f"{name}: {len(named)} runs have this name; give the id of one of them: {shown}")
    if not named:
        names = {run.info.run_name or run.info.run_id for run in runs}
        names |= {run.data.tags[DVC_EXPERIMENT] for run in runs if DVC_EXPERIMENT in run.data.tags}
        raise TrackingError(
            f"no run {no_such([name], names)}. `python -m pipeline.runs list` shows the runs with their ids"
        )
    return named[0]


def scored(client: MlflowClient, name: str) -> ScoredRun:
    """Read a run and the scores of its network.

    Raises:
        TrackingError: There is no such run, or it was not evaluated.
    """
    run = find(client, name)
    run_id = run.info.run_id
    with TemporaryDirectory() as scratch:
        try:
            content = Path(client.download_artifacts(run_id, TEST_SCORES.name, scratch)).read_bytes()
            scores = TestScores.from_bytes(content)
        except (MlflowException, OSError) as error:
            raise TrackingError(
                f"run {run_id} ({run.info.run_name}) has no {TEST_SCORES.name}: it was not evaluated, or by an earlier "
                "version of this program. `dvc repro evaluate` evaluates the network in models/"
            ) from error
        except ValueError as error:
            raise TrackingError(f"run {run_id} ({run.info.run_name}): {TEST_SCORES.name}: {error}") from error
        tables = {}
        if client.list_artifacts(run_id, CURVES.name):
            folder = Path(client.download_artifacts(run_id, CURVES.name, scratch))
            tables = {path.stem: path.read_text(encoding="utf-8") for path in sorted(folder.glob("*.csv"))}
    tags = run.data.tags
    changed = " with changes" if tags.get(DIRTY) == "true" else ""
    return ScoredRun(
        run_id,
        run.info.run_name or run_id,
        client.get_experiment(run.info.experiment_id).name,
        dict(run.data.params),
        tags.get(DATA, ""),
        f"{tags.get(COMMIT, 'unknown')}{changed}",
        scores,
        {name: _history(client, run_id, name) for name in run.data.metrics if name.startswith(("train/", "val/"))},
        tables,
    )


def log_comparison(client: MlflowClient, run_id: str, text: str, page: str) -> None:
    """Log a comparison, as text and as an HTML page, to a run that has ended."""
    client.log_text(run_id, redacted(text), TEXT)
    client.log_text(run_id, page, PAGE)


def _history(client: MlflowClient, run_id: str, name: str) -> Curve:
    return sorted({(point.step, point.value) for point in client.get_metric_history(run_id, name)})


def _top_runs(client: MlflowClient) -> list[StoredRun]:
    experiments = [experiment.experiment_id for experiment in all_experiments(client)]
    if not experiments:
        return []
    runs: Iterator[StoredRun] = paged(partial(client.search_runs, experiments))
    return [run for run in runs if PARENT not in run.data.tags]
