"""Deliver tracking events to the tracking store, with one function per kind of event."""

import json
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from mlflow import MlflowClient
from mlflow.entities import Dataset, DatasetInput, InputTag, Metric, Param, RunTag

from pipeline.storage import is_alive
from pipeline.tracking.registry import register
from pipeline.tracking.tags import PROCESS
from pipeline.tracking.upload import logged_model, send

BATCH = 100
"""The largest number of params or metrics in one request that the tracking server accepts."""
TIMEOUT = "MLFLOW_HTTP_REQUEST_TIMEOUT"
UPLOAD_SECONDS = "120"
"""The timeout of a request that uploads a network: a server may pass it on before it responds."""


@dataclass(frozen=True)
class Entry:
    """One tracking event of a run.

    Attributes:
        process: The process that created the event, see `this_process`.
        uri: The address of the tracking store.
        run: The id of the run.
        kind: A key of `DELIVER`.
        content: The arguments of the function of this kind.
        folder: The folder of the event's larger files, next to its JSON file; it may not exist.
    """

    process: Mapping[str, Any]
    uri: str
    run: str
    kind: str
    content: Mapping[str, Any]
    folder: Path

    def deliver(self) -> None:
        """Deliver the event to the store; a second delivery has no further effect."""
        DELIVER[self.kind](client_of(self.uri), self)


@cache
def client_of(uri: str) -> MlflowClient:
    """Return the client of a store; each process has one per store."""
    return MlflowClient(uri)


def _batches(items: list[Any]) -> Iterator[list[Any]]:
    for start in range(0, len(items), BATCH):
        yield items[start : start + BATCH]


def _params(client: MlflowClient, entry: Entry) -> None:
    for batch in _batches([Param(name, value) for name, value in entry.content["params"].items()]):
        client.log_batch(entry.run, params=batch)


def _tags(client: MlflowClient, entry: Entry) -> None:
    for batch in _batches([RunTag(name, value) for name, value in entry.content["tags"].items()]):
        client.log_batch(entry.run, tags=batch)


def _scores(client: MlflowClient, entry: Entry) -> None:
    step, when = entry.content["step"], entry.content["timestamp"]
    # MLflow finds models by their scores only if a score names the model.
    model = logged_model(client, entry.run) if entry.content.get("of_model") else None
    model_id = model.model_id if model else None
    scores = [
        Metric(name, value, when, step, model_id=model_id, run_id=entry.run if model_id else None)
        for name, value in entry.content["scores"].items()
    ]
    for batch in _batches(scores):
        client.log_batch(entry.run, metrics=batch)


def _text(client: MlflowClient, entry: Entry) -> None:
    client.log_text(entry.run, entry.content["text"], entry.content["name"])


def _file(client: MlflowClient, entry: Entry) -> None:
    path = Path(entry.content["name"])
    folder = None if path.parent == Path() else path.parent.as_posix()
    client.log_artifact(entry.run, str(entry.folder / path.name), folder)


def _inputs(client: MlflowClient, entry: Entry) -> None:
    datasets = [
        DatasetInput(Dataset(**dataset["dataset"]), [InputTag("mlflow.data.context", dataset["context"])])
        for dataset in entry.content["datasets"]
    ]
    client.log_inputs(entry.run, datasets=datasets)


def _model(_client: MlflowClient, entry: Entry) -> None:
    previous = os.environ.get(TIMEOUT)
    os.environ[TIMEOUT] = UPLOAD_SECONDS
    try:
        send(entry.uri, entry.run, entry.folder, entry.content)
    finally:
        os.environ.pop(TIMEOUT) if previous is None else os.environ.update({TIMEOUT: previous})


def _version(client: MlflowClient, entry: Entry) -> None:
    register(client, entry.run, entry.content)


def _end(client: MlflowClient, entry: Entry) -> None:
    run = client.get_run(entry.run)
    owner = json.loads(run.data.tags.get(PROCESS, "null"))
    # The event may be late: if another process has resumed the run since, only that process may end it.
    if owner in (None, entry.process) or (run.info.status == "RUNNING" and not is_alive(owner, None)):
        client.set_terminated(entry.run, entry.content["status"], entry.content["time"])


DELIVER: dict[str, Callable[[MlflowClient, Entry], None]] = {
    "params": _params,
    "tags": _tags,
    "scores": _scores,
    "text": _text,
    "file": _file,
    "inputs": _inputs,
    "model": _model,
    "version": _version,
    "end": _end,
}
