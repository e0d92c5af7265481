"""What the record is told, handed over to the tracking store: one function a kind."""

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
from pipeline.tracking.upload import send

BATCH = 100
"""Params or metrics in one request: the tracking server takes no more."""
PROCESS, SEEN = "onehot.process", "onehot.heartbeat"
"""Tags of a run: who writes into it, as `this_process` tells, and its last sign of life."""
TIMEOUT = "MLFLOW_HTTP_REQUEST_TIMEOUT"
UPLOAD_SECONDS = "120"
"""For one answer while a network is sent: a server may hand it on before it answers."""


@dataclass(frozen=True)
class Entry:
    """One thing told to a run.

    Attributes:
        process: Who told it, as `this_process` says.
        uri: Of the store.
        run: The id.
        kind: A key of `DELIVER`.
        content: Its arguments.
        folder: Beside the entry's file, for what is larger than a line; may not exist.
    """

    process: Mapping[str, Any]
    uri: str
    run: str
    kind: str
    content: Mapping[str, Any]
    folder: Path

    def deliver(self) -> None:
        """Tell the store; told twice, it is there once."""
        DELIVER[self.kind](client_of(self.uri), self)


@cache
def client_of(uri: str) -> MlflowClient:
    """Return the client of a store, one a process."""
    return MlflowClient(uri)


def _batches(items: list[Any]) -> Iterator[list[Any]]:
    for start in range(0, len(items), BATCH):
        yield items[start : start + BATCH]


def _params(client: MlflowClient, entry: Entry) -> None:
    for some in _batches([Param(name, value) for name, value in entry.content["params"].items()]):
        client.log_batch(entry.run, params=some)


def _tags(client: MlflowClient, entry: Entry) -> None:
    for some in _batches([RunTag(name, value) for name, value in entry.content["tags"].items()]):
        client.log_batch(entry.run, tags=some)


def _scores(client: MlflowClient, entry: Entry) -> None:
    step, when = entry.content["step"], entry.content["timestamp"]
    for some in _batches([Metric(name, value, when, step) for name, value in entry.content["scores"].items()]):
        client.log_batch(entry.run, metrics=some)


def _text(client: MlflowClient, entry: Entry) -> None:
    client.log_text(entry.run, entry.content["text"], entry.content["name"])


def _picture(client: MlflowClient, entry: Entry) -> None:
    place = Path(entry.content["name"])
    folder = None if place.parent == Path() else place.parent.as_posix()
    client.log_artifact(entry.run, str(entry.folder / place.name), folder)


def _inputs(client: MlflowClient, entry: Entry) -> None:
    given = [
        DatasetInput(Dataset(**each["dataset"]), [InputTag("mlflow.data.context", each["context"])])
        for each in entry.content["datasets"]
    ]
    client.log_inputs(entry.run, datasets=given)


def _model(_client: MlflowClient, entry: Entry) -> None:
    usual = os.environ.get(TIMEOUT)
    os.environ[TIMEOUT] = UPLOAD_SECONDS
    try:
        send(entry.uri, entry.run, entry.folder, entry.content)
    finally:
        os.environ.pop(TIMEOUT) if usual is None else os.environ.update({TIMEOUT: usual})


def _end(client: MlflowClient, entry: Entry) -> None:
    run = client.get_run(entry.run)
    owner = json.loads(run.data.tags.get(PROCESS, "null"))
    # Told late: another process has gone on with the run since, and it is that one's to end.
    if owner in (None, entry.process) or (run.info.status == "RUNNING" and not is_alive(owner, None)):
        client.set_terminated(entry.run, entry.content["status"], entry.content["time"])


DELIVER: dict[str, Callable[[MlflowClient, Entry], None]] = {
    "params": _params,
    "tags": _tags,
    "scores": _scores,
    "text": _text,
    "picture": _picture,
    "inputs": _inputs,
    "model": _model,
    "end": _end,
}
