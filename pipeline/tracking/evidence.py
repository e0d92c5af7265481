"""The part of the record of a run that is needed to reproduce and compare it."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory
from typing import Any

import yaml
from mlflow import MlflowClient
from mlflow.entities import DatasetInput
from mlflow.entities import Run as StoredRun
from mlflow.exceptions import MlflowException

from pipeline.storage import METRICS, MODELS, PREDICTIONS, PROCESSED, RAW, THREADS
from pipeline.tracking.errors import TrackingError
from pipeline.tracking.lifecycle import FINISHED
from pipeline.tracking.redaction import REDACTED
from pipeline.tracking.run import CONFIG, DIFF, ENVIRONMENT, EVALUATED_WITH, MACHINE, files_of
from pipeline.tracking.tags import CONFIRMATION, DIRTY, FOLD, PARENT, RESTORED, SOURCE_COMMIT, SWEEP, TRIAL
from pipeline.tracking.upload import logged_model


@dataclass(frozen=True)
class Evidence:
    """The inputs and the results of a run.

    Attributes:
        run_id: The id of the run.
        commit: The commit of the code.
        diff: The uncommitted changes; empty if there were none.
        config: The composed settings.
        environment: The installed packages as lines `name==version`.
        machine: The properties that the last bits may depend on, by name: Python, platform, processors, threads.
        data: DVC's hashes of the folders of raw and prepared data, by name.
        models: The sha256 of the network's files, by path.
        predictions: The sha256 of the files of predictions, by path; empty if the run was not evaluated.
        metrics: The content of metrics.json; empty if the run was not evaluated.
        network: MLflow's address of the logged network; None if it was not logged.
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
        """Environment variables that set the number of threads."""
        return {name: self.machine[name] for name in THREADS if name in self.machine}


def evidence_of(client: MlflowClient, run_id: str) -> Evidence:
    """Read the record of a training.

    Raises:
        TrackingError: There is no such run, or it cannot be reproduced; the message names every reason.
    """
    try:
        run = client.get_run(run_id)
    except MlflowException as error:
        raise TrackingError(f"run {run_id}: {error.message}; `python -m pipeline.runs list` shows the runs") from error
    tags = run.data.tags
    part_of = _part_of(run)
    if part_of:
        raise TrackingError(f"run {run_id} {part_of}")
    wanted = (CONFIG, DIFF, ENVIRONMENT, MACHINE, METRICS.name, EVALUATED_WITH, files_of(MODELS), files_of(PREDICTIONS))
    texts = dict.fromkeys(wanted, "") | _texts(client, run_id, wanted)
    if tags.get(DIRTY) != "true":
        texts[DIFF] = ""  # the diff of an earlier start, whose changes have been committed since
    reasons = []
    if run.info.status != FINISHED:
        reasons.append(f"it did not finish ({run.info.status}); rerun its command to resume it")
    if SOURCE_COMMIT not in tags:
        reasons.append("it has no commit: its code was not in a git checkout")
    if tags.get(DIRTY) == "true" and not texts[DIFF]:
        reasons.append(f"its code differed from the commit, or git could not compare them, and {DIFF} is missing")
    reasons += [
        f"{name} contained what looks like a password or token, which was removed: the file is incomplete"
        for name in (DIFF, CONFIG)
        if REDACTED in texts[name]
    ]
    reasons += [f"{name} is missing" for name in (CONFIG, files_of(MODELS)) if not texts[name]]
    if reasons:
        raise TrackingError(f"run {run_id} cannot be reproduced:\n" + "\n".join(f"  {reason}" for reason in reasons))
    config = yaml.safe_load(texts[CONFIG])
    if texts[EVALUATED_WITH]:
        config["evaluate"] = json.loads(texts[EVALUATED_WITH])
    return Evidence(
        run_id=run_id,
        commit=tags[SOURCE_COMMIT],
        diff=texts[DIFF],
        config=config,
        environment=texts[ENVIRONMENT],
        machine=json.loads(texts[MACHINE] or "{}"),
        data={_folder_of(item): item.dataset.digest for item in run.inputs.dataset_inputs},
        models=json.loads(texts[files_of(MODELS)] or "{}"),
        predictions=json.loads(texts[files_of(PREDICTIONS)] or "{}"),
        metrics=json.loads(texts[METRICS.name] or "{}"),
        network=model.model_uri if (model := logged_model(client, run_id)) else None,
    )


def _folder_of(item: DatasetInput) -> str:
    """Return the name of the folder that a dataset of a run comes from."""
    is_raw = any(tag.key == "mlflow.data.context" and tag.value == "source" for tag in item.tags)
    return RAW.name if is_raw else PROCESSED.name


def _part_of(run: StoredRun) -> str | None:
    """Return which run to use instead, if this one is not a complete training; None if it is."""
    tags = run.data.tags
    if RESTORED in tags:
        return f"is an evaluation; the training is run {tags[RESTORED]}"
    if FOLD in tags:
        return f"is one of several folds; the whole training is run {tags[PARENT]}"
    if TRIAL in tags or CONFIRMATION in tags:
        return (
            "is a trial of a sweep, whose network is not kept; `python -m pipeline.promote` makes an experiment from "
            "its settings"
        )
    if SWEEP in tags:
        return "is a sweep, which is not reproducible (its trials depend on timing); pass the run of a training"
    return None


def _texts(client: MlflowClient, run_id: str, names: Sequence[str]) -> dict[str, str]:
    """Return the text of those files of a run's record that exist, by name."""
    folders = {str(PurePosixPath(name).parent) for name in names}
    existing = {
        item.path for folder in folders for item in client.list_artifacts(run_id, None if folder == "." else folder)
    }
    with TemporaryDirectory() as scratch:
        return {
            # Read bytes, not text: line endings are part of a diff.
            name: Path(client.download_artifacts(run_id, name, scratch)).read_bytes().decode("utf-8")
            for name in names
            if name in existing
        }
