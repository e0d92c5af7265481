"""What earlier runs left that nothing will ask for again."""

import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from mlflow import MlflowClient
from mlflow.entities import Run as StoredRun
from mlflow.entities import ViewType

from pipeline.storage import FolderLock, LockError, is_leftover, root
from pipeline.tracking.lifecycle import FINISHED, KEY
from pipeline.tracking.outbox import journal, refused
from pipeline.tracking.store import ARTIFACTS

OWN_STORE = ("store", "journal", "stages")
"""Folders in `.checkpoints` that are no training's."""
WRITTEN = ("data", "models", "reports", "export", ".checkpoints", ".")
"""Where stages write, from the root."""


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
                _remove(self.path)
        else:
            _remove(self.path)


def leftovers(client: MlflowClient, keep: str | None, *, is_local: bool) -> Iterator[Leftover]:
    """Give what may go.

    Args:
        client: Of the store.
        keep: Id of the run behind `models/`: its checkpoints stay.
        is_local: Whether the store is the one at the root, whose artifacts lie there too.
    """
    runs = _runs(client)
    yield from _checkpoints(runs, keep)
    if is_local:
        yield from _artifacts(client, {run.info.run_id for run in runs})
    for path in refused():
        yield _leftover(path, "the tracking store refused it")
        if path.with_suffix("").is_dir():
            yield _leftover(path.with_suffix(""), "it belongs to an entry that the tracking store refused")
    for folder in {root() / name for name in WRITTEN} | {journal()}:
        for path in folder.glob(".*"):
            if is_leftover(path):
                yield _leftover(path, "a process was ended while it wrote this")


def _checkpoints(runs: list[StoredRun], keep: str | None) -> Iterator[Leftover]:
    for folder in sorted((root() / ".checkpoints").glob("*")):
        if not folder.is_dir() or folder.name in OWN_STORE or folder.name.startswith("."):
            continue
        own = [run for run in runs if run.data.tags.get(KEY) == folder.name]
        if not own:
            yield _leftover(folder, "checkpoints of no run in this store")
        elif keep not in [run.info.run_id for run in own] and all(run.info.status == FINISHED for run in own):
            yield _leftover(folder, f"checkpoints of run {own[0].info.run_id}, which is finished; models/ is another's")


def _artifacts(client: MlflowClient, runs: set[str]) -> Iterator[Leftover]:
    folder = root() / ARTIFACTS
    experiments = {each.name: each.experiment_id for each in client.search_experiments(view_type=ViewType.ALL)}
    for experiment in sorted(folder.glob("*")):
        known = runs | {"models"}
        for path in sorted(experiment.glob("*")):
            if path.name not in known:
                yield _leftover(path, "files of no run in this store")
        if experiment.name in experiments:
            found = client.search_logged_models([experiments[experiment.name]])
            models = {model.model_id for model in found}
            # The store may have more of them than it tells at once.
            while found.token:
                found = client.search_logged_models([experiments[experiment.name]], page_token=found.token)
                models |= {model.model_id for model in found}
            for path in sorted((experiment / "models").glob("m-*")):
                if path.name not in models:
                    yield _leftover(path, "a network that the store does not know")


def _runs(client: MlflowClient) -> list[StoredRun]:
    experiments = [each.experiment_id for each in client.search_experiments(view_type=ViewType.ALL)]
    found: list[StoredRun] = []
    token: str | None = None
    while experiments:
        # Deleted ones too: until `mlflow gc` they can be restored.
        page = client.search_runs(experiments, run_view_type=ViewType.ALL, page_token=token)
        found += page
        token = page.token
        if not token:
            break
    return found


def _leftover(path: Path, reason: str) -> Leftover:
    inside = path.rglob("*") if path.is_dir() else [path]
    return Leftover(path, sum(each.lstat().st_size for each in inside if not each.is_dir()), reason)


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        os.unlink(path)


__all__ = ["Leftover", "LockError", "leftovers"]
