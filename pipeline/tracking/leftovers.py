"""What earlier runs left that nothing will ask for again."""

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
from pipeline.tracking.lifecycle import FINISHED, KEY
from pipeline.tracking.store import ARTIFACTS, all_experiments, paged

NO_TRAINING = ("store", "journal", "stages")
"""Folders in `.checkpoints` that are no training's."""


@dataclass(frozen=True)
class Leftover:
    """A file or folder that may go.

    Attributes:
        path: Where it is.
        size: In bytes.
        reason: Why nothing asks for it.
    """

    path: Path
    size: int
    reason: str

    def remove(self) -> None:
        """Remove it.

        Raises:
            LockError: A training uses it now.
        """
        if self.path.parent == root() / ".checkpoints" and self.path.is_dir():
            with FolderLock(self.path, "trains here", wait_seconds=0):
                remove(self.path)
        else:
            remove(self.path)


def leftovers(client: MlflowClient, uri: str, keep: str | None) -> Iterator[Leftover]:
    """Give what may go.

    Args:
        client: Of the store.
        uri: The same, by its address: checkpoints of trainings that another store records are not judged.
        keep: Id of the run behind `models/`: its checkpoints stay.
    """
    # First what is there, then what is known: a run that begins meanwhile must not look like one that is gone.
    trained, kept = sorted((root() / ".checkpoints").glob("*/")), sorted((root() / ARTIFACTS).glob("*/*"))
    networks = sorted((root() / ARTIFACTS).glob("*/models/m-*"))
    experiments = all_experiments(client, ViewType.ALL)
    runs = _runs(client, [each.experiment_id for each in experiments])
    yield from _checkpoints(trained, runs, uri, keep)
    yield from _artifacts(client, kept, networks, experiments, {run.info.run_id for run in runs})
    for path in (*refused(), *(path.with_suffix("") for path in refused() if path.with_suffix("").is_dir())):
        yield _leftover(path, "the tracking store refused it")
    for path in (*orphans(), *half_written([*written(), journal()])):
        yield _leftover(path, "a process was ended while it wrote this")


def _checkpoints(folders: Sequence[Path], runs: list[StoredRun], uri: str, keep: str | None) -> Iterator[Leftover]:
    for folder in folders:
        if folder.name in NO_TRAINING or folder.name.startswith(".") or _store_of(folder) != uri:
            continue
        own = [run for run in runs if run.data.tags.get(KEY) == folder.name]
        if not own:
            yield _leftover(folder, "checkpoints of no run in this store")
        elif keep not in [run.info.run_id for run in own] and all(run.info.status == FINISHED for run in own):
            name = own[0].info.run_id
            reason = "which is finished; models/ is another's (without them, more epochs of it begin anew)"
            yield _leftover(folder, f"checkpoints of run {name}, {reason}")


def _store_of(folder: Path) -> str | None:
    with suppress(OSError, ValueError, KeyError):
        return str(json.loads((folder / "key.json").read_text(encoding="utf-8"))["store"])
    return None


def _artifacts(
    client: MlflowClient,
    found: Sequence[Path],
    networks: Sequence[Path],
    experiments: Sequence[Experiment],
    runs: set[str],
) -> Iterator[Leftover]:
    # Others are another store's, a server's perhaps.
    places = {each.artifact_location.rstrip("/") for each in experiments}
    for path in found:
        if path.parent.as_uri() in places and path.name != "models" and path.name not in runs:
            yield _leftover(path, "files of no run in this store")
    known = _models(client, experiments) if networks else set()
    for path in networks:
        if path.parents[1].as_uri() in places and path.name not in known:
            yield _leftover(path, "a network that the store does not know")


def _models(client: MlflowClient, experiments: Sequence[Experiment]) -> set[str]:
    # Of all experiments: one that was renamed shares its folder with the next of its old name.
    known: set[str] = set()
    model: LoggedModel
    for each in experiments:
        for model in paged(partial(client.search_logged_models, [each.experiment_id])):
            known.add(model.model_id)
    return known


def _runs(client: MlflowClient, experiments: list[str]) -> list[StoredRun]:
    if not experiments:
        return []
    # Deleted ones too: until `mlflow gc` they can be restored.
    return list(paged(partial(client.search_runs, experiments, run_view_type=ViewType.ALL)))


def _leftover(path: Path, reason: str) -> Leftover:
    size = 0
    for each in path.rglob("*") if path.is_dir() else [path]:
        with suppress(FileNotFoundError):
            size += each.lstat().st_size if not each.is_dir() else 0
    return Leftover(path, size, reason)
