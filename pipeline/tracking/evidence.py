"""What the record of a run holds that it takes to make it again, and to compare."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory
from typing import Any

import yaml
from mlflow import MlflowClient
from mlflow.entities import Run as StoredRun
from mlflow.exceptions import MlflowException

from pipeline.storage import METRICS, MODELS, PREDICTIONS, THREADS
from pipeline.tracking.lifecycle import FINISHED, PARENT, RESTORED
from pipeline.tracking.redaction import REDACTED
from pipeline.tracking.run import CONFIG, DIFF, ENVIRONMENT, EVALUATED_WITH, files_of
from pipeline.tracking.store import TrackingError
from pipeline.tracking.upload import logged_model


@dataclass(frozen=True)
class Evidence:
    """What a run was made of, and what came out.

    Attributes:
        run_id: Of the run.
        commit: Of the code.
        diff: What differed from it; empty where nothing did.
        config: The composed settings.
        environment: `name==version` lines.
        machine: What the last bits may hang on: Python, platform, processors, threads; by name.
        data: Hash of the raw and of the prepared folder, as DVC knows them; by name.
        models: sha256 of the network's files, by path.
        predictions: The same of the predictions; empty where it was not evaluated.
        metrics: Content of metrics.json; empty where it was not evaluated.
        network: Where MLflow has the network; None where it was not logged.
    """

    run_id: str
    commit: str
    diff: str
    config: dict[str, Any]
    environment: str
    machine: Mapping[str, str]
    data: Mapping[str, str]
    models: Mapping[str, str]
    predictions: Mapping[str, str]
    metrics: dict[str, Any]
    network: str | None

    @property
    def threads(self) -> dict[str, str]:
        """Environment variables that say how many threads computed."""
        return {name: self.machine[name] for name in THREADS if name in self.machine}


def evidence_of(client: MlflowClient, run_id: str) -> Evidence:
    """Read the record of a training.

    Raises:
        TrackingError: There is no such run, or it cannot be made again; naming every reason.
    """
    try:
        run = client.get_run(run_id)
    except MlflowException as error:
        raise TrackingError(
            f"run {run_id}: {error.message}; `python -m pipeline.runs list` shows what there is"
        ) from error
    tags = run.data.tags
    whose = _whose(run)
    if whose:
        raise TrackingError(f"run {run_id} {whose}")
    wanted = (CONFIG, DIFF, ENVIRONMENT, METRICS.name, EVALUATED_WITH, files_of(MODELS), files_of(PREDICTIONS))
    texts = dict.fromkeys(wanted, "") | _texts(client, run_id, wanted)
    if tags.get("onehot.dirty") != "true":
        texts[DIFF] = ""  # of an earlier start; what differed then was committed since
    lacks = []
    if run.info.status != FINISHED:
        lacks.append(f"it did not finish ({run.info.status}); the command that began it goes on with it")
    if "mlflow.source.git.commit" not in tags:
        lacks.append("it knows no commit: its code was in no git checkout")
    if tags.get("onehot.dirty") == "true" and not texts[DIFF]:
        lacks.append(f"its code differed from the commit, or git could not say, and {DIFF} is missing")
    lacks += [
        f"{name} held what looks like a password or token, which was taken out: it is not whole"
        for name in (DIFF, CONFIG)
        if REDACTED in texts[name]
    ]
    lacks += [f"{name} is missing" for name in (CONFIG, files_of(MODELS)) if not texts[name]]
    if lacks:
        raise TrackingError(f"run {run_id} cannot be made again:\n" + "\n".join(f"  {each}" for each in lacks))
    config = yaml.safe_load(texts[CONFIG])
    if texts[EVALUATED_WITH]:
        config["evaluate"] = json.loads(texts[EVALUATED_WITH])
    return Evidence(
        run_id=run_id,
        commit=tags["mlflow.source.git.commit"],
        diff=texts[DIFF],
        config=config,
        environment=texts[ENVIRONMENT],
        machine={name.removeprefix("onehot."): value for name, value in tags.items() if name.startswith("onehot.")},
        data={each.dataset.name.partition("/")[0]: each.dataset.digest for each in run.inputs.dataset_inputs},
        models=json.loads(texts[files_of(MODELS)] or "{}"),
        predictions=json.loads(texts[files_of(PREDICTIONS)] or "{}"),
        metrics=json.loads(texts[METRICS.name] or "{}"),
        network=logged_model(client, run_id),
    )


def _whose(run: StoredRun) -> str | None:
    """Say which run to ask for instead, where this one is only a part."""
    tags = run.data.tags
    if RESTORED in tags:
        return f"is an evaluation; the training is run {tags[RESTORED]}"
    if "onehot.fold" in tags:
        return f"is one of several folds; the whole is run {tags[PARENT]}"
    if "onehot.trial" in tags or "onehot.confirm" in tags:
        return (
            "is a trial of a sweep, of which no network is kept; `python -m pipeline.promote` makes an experiment of "
            "its settings"
        )
    if "onehot.sweep" in tags:
        return "is a sweep; its trials are drawn, and hang on how fast they were. Ask for a training"
    return None


def _texts(client: MlflowClient, run_id: str, names: Sequence[str]) -> dict[str, str]:
    """Read files of a run's record, those that there are."""
    folders = {str(PurePosixPath(name).parent) for name in names}
    there = {
        each.path for folder in folders for each in client.list_artifacts(run_id, None if folder == "." else folder)
    }
    with TemporaryDirectory() as scratch:
        return {
            # As bytes: the ends of lines are part of a diff.
            name: Path(client.download_artifacts(run_id, name, scratch)).read_bytes().decode("utf-8")
            for name in names
            if name in there
        }
