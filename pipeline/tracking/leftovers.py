"""Unreferenced files that earlier runs left behind."""

import json
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from mlflow import MlflowClient
from mlflow.entities import Experiment, LoggedModel, ViewType
from mlflow.entities import Run as StoredRun

from pipeline.storage import FolderLock, half_written, remove, root, written
from pipeline.tracking.journal import journal, orphans, refused
from pipeline.tracking.lifecycle import FINISHED
from pipeline.tracking.store import ARTIFACTS, all_experiments, paged
from pipeline.tracking.tags import KEY

NO_TRAINING = ("store", "journal", "stages")
"""Folders in `.checkpoints` that do not belong to a training."""


@dataclass(frozen=True)
class Leftover:
    """A file or folder that can be deleted.

    Attributes:
        path: The path of the file or folder.
        size: The size in bytes.
        reason: The reason why it is not needed.
    """

    path: Path
    size: int
    reason: str

    def remove(self) -> None:
        """Delete the file or folder.

        Raises:
            LockError: A training is using it.
        """
        if self.path.parent == root() / ".checkpoints" and self.path.is_dir():
            with FolderLock(self.path, "trains here", wait_seconds=0):
                remove(self.path)
        else:
            remove(self.path)


def leftovers(client: MlflowClient, uri: str, keep: str | None) -> Iterator[Leftover]:
    """Yield the files and folders that can be deleted.

    Args:
        client: The client of the store.
        uri: The address of the store; checkpoints of trainings recorded in other stores are left alone.
        keep: The id of the run that trained `models/`, whose checkpoints are kept; None if there is none.
    """
    # List the files before the runs: files of a run that starts meanwhile must not look unreferenced.
    trainings, artifacts = sorted((root() / ".checkpoints").glob("*/")), sorted((root() / ARTIFACTS).glob("*/*"))
    networks = sorted((root() / ARTIFACTS).glob("*/models/m-*"))
    experiments = all_experiments(client, ViewType.ALL)
    runs = _runs(client, [experiment.experiment_id for experiment in experiments])
    yield from _checkpoints(trainings, runs, uri, keep)
    yield from _artifacts(client, artifacts, networks, experiments, {run.info.run_id for run in runs})
    for path in (*refused(), *(path.with_suffix("") for path in refused() if path.with_suffix("").is_dir())):
        yield _leftover(path, "the tracking store refused it")
    for path in (*orphans(), *half_written([*written(), journal()])):
        yield _leftover(path, "a process ended while it wrote this")


def _checkpoints(folders: Sequence[Path], runs: list[StoredRun], uri: str, keep: str | None) -> Iterator[Leftover]:
    for folder in folders:
        if folder.name in NO_TRAINING or folder.name.startswith(".") or _store_of(folder) != uri:
            continue
        own = [run for run in runs if run.data.tags.get(KEY) == folder.name]
        if not own:
            yield _leftover(folder, "checkpoints of no run in this store")
        elif keep not in [run.info.run_id for run in own] and all(run.info.status == FINISHED for run in own):
            name = own[0].info.run_id
            reason = "which is finished, and models/ is from another run (without them, more epochs start from scratch)"
            yield _leftover(folder, f"checkpoints of run {name}, {reason}")


def _store_of(folder: Path) -> str | None:
    with suppress(OSError, ValueError, KeyError):
        return str(json.loads((folder / "key.json").read_text(encoding="utf-8"))["store"])
    return None


def _artifacts(
    client: MlflowClient,
    files: Sequence[Path],
    networks: Sequence[Path],
    experiments: Sequence[Experiment],
    runs: set[str],
) -> Iterator[Leftover]:
    # Other folders belong to another store, perhaps to a server.
    locations = {experiment.artifact_location.rstrip("/") for experiment in experiments}
    for path in files:
        if path.parent.as_uri() in locations and path.name != "models" and path.name not in runs:
            yield _leftover(path, "files of no run in this store")
    known = _models(client, experiments) if networks else set()
    for path in networks:
        if path.parents[1].as_uri() in locations and path.name not in known:
            yield _leftover(path, "a network that is not in this store")


def _models(client: MlflowClient, experiments: Sequence[Experiment]) -> set[str]:
    # All experiments are searched: a renamed one shares its folder with the next one of its old name.
    known: set[str] = set()
    model: LoggedModel
    for experiment in experiments:
        for model in paged(partial(client.search_logged_models, [experiment.experiment_id])):
            known.add(model.model_id)
    return known


def _runs(client: MlflowClient, experiments: list[str]) -> list[StoredRun]:
    if not experiments:
        return []
    # Deleted runs are included: they can be restored until `mlflow gc`.
    return list(paged(partial(client.search_runs, experiments, run_view_type=ViewType.ALL)))


def _leftover(path: Path, reason: str) -> Leftover:
    size = 0
    for file in path.rglob("*") if path.is_dir() else [path]:
        with suppress(FileNotFoundError):
            size += file.lstat().st_size if not file.is_dir() else 0
    return Leftover(path, size, reason)
