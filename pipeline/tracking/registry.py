"""MLflow's model registry: every evaluated network is a version of its experiment's model, one of them the champion."""

import re
import time
from collections.abc import Mapping
from typing import Any

from mlflow import MlflowClient
from mlflow.entities.model_registry import ModelVersion, RegisteredModel
from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import RESOURCE_ALREADY_EXISTS, ErrorCode

from pipeline.config import no_such
from pipeline.tracking.errors import TrackingError
from pipeline.tracking.upload import logged_model

CHAMPION = "champion"
"""The alias of the version that is in use."""
REPLACED, REASON, SINCE, UNTIL = "replaced", "reason", "champion_since", "champion_until"
"""Tags of a version: the champion before it, why it was preferred, since when, and until when."""
_URI = re.compile(r"models:/(?P<name>[^/@]+)(?:@(?P<alias>[^/@]+)|/(?P<version>\d+))$")
MOST_VERSIONS = 1000


def model_name(experiment: str) -> str:
    """Return the name of an experiment's model; MLflow does not allow some characters."""
    return re.sub(r"[/:.%\"']", "_", experiment)


def register(client: MlflowClient, run_id: str, content: Mapping[str, Any]) -> None:
    """Make the network that a run logged a version of its experiment's model, once per run; without one, do nothing.

    Args:
        client: The client of the store.
        run_id: The id of the run.
        content: `name`, `description` and `tags` of the version.
    """
    model = logged_model(client, run_id)
    if model is None:
        return
    name = content["name"]
    try:
        client.create_registered_model(name)
    except MlflowException as error:
        if error.error_code != ErrorCode.Name(RESOURCE_ALREADY_EXISTS):
            raise
    known = _version_of(client, run_id, name)
    if known:
        number = known.version
        client.update_model_version(name, number, content["description"])
    else:
        created = client.create_model_version(
            name, model.model_uri, run_id, description=content["description"], model_id=model.model_id
        )
        number = created.version
    for key, value in content["tags"].items():
        client.set_model_version_tag(name, number, key, value)


def versions(client: MlflowClient, name: str) -> list[ModelVersion]:
    """Return the versions of a model, latest first."""
    found = list(client.search_model_versions(f"name = '{name}'", max_results=MOST_VERSIONS))
    return sorted(found, key=lambda version: -int(version.version))


def registered(client: MlflowClient, uri: str) -> ModelVersion:
    """Return the version that `models:/NAME@ALIAS` or `models:/NAME/VERSION` stands for.

    Raises:
        TrackingError: There is no such model, alias or version; the message names those that there are.
    """
    parts = _URI.match(uri)
    if parts is None:
        raise TrackingError(f"{uri}: expected models:/NAME@ALIAS or models:/NAME/VERSION")
    name = parts["name"]
    models = _models(client)
    if name not in models:
        raise TrackingError(f"{uri}: no model {no_such([name], models)}. `dvc repro evaluate` registers a model")
    if parts["alias"]:
        known = versions(client, name)
        aliases: dict[str, str] = dict(models[name].aliases)
        if parts["alias"] not in aliases:
            raise TrackingError(
                f"{uri}: model {name} has no alias {no_such([parts['alias']], aliases)}; it has the versions "
                f"{', '.join(str(version.version) for version in known[:10])}. `python -m pipeline.champion RUN` sets "
                f"the alias {CHAMPION}"
            )
        return client.get_model_version(name, aliases[parts["alias"]])
    numbers = {str(version.version): version for version in versions(client, name)}
    if parts["version"] not in numbers:
        raise TrackingError(f"{uri}: no version {no_such([parts['version']], numbers)}")
    return numbers[parts["version"]]


def _models(client: MlflowClient) -> dict[str, RegisteredModel]:
    return {model.name: model for model in client.search_registered_models(max_results=MOST_VERSIONS)}


def champion(client: MlflowClient, name: str) -> ModelVersion | None:
    """Return the champion of a model; None if there is none."""
    models = _models(client)
    number = models[name].aliases.get(CHAMPION) if name in models else None
    return None if number is None else client.get_model_version(name, number)


def version_of(client: MlflowClient, run_id: str, name: str) -> ModelVersion:
    """Return the version that a run registered.

    Raises:
        TrackingError: The run registered none.
    """
    found = _version_of(client, run_id, name)
    if found is None:
        raise TrackingError(
            f"run {run_id} has no registered model: it was not evaluated, or its network was not logged "
            "(tracking.log_model)"
        )
    return found


def _version_of(client: MlflowClient, run_id: str, name: str) -> ModelVersion | None:
    return next((version for version in versions(client, name) if version.run_id == run_id), None)


def crown(client: MlflowClient, version: ModelVersion, reason: str) -> None:
    """Make a version the champion; record the reason, and the version that it replaces."""
    before = champion(client, version.name)
    tags = {
        REASON: reason,
        SINCE: time.strftime("%Y-%m-%d %H:%M:%S %z"),
        REPLACED: str(before.version) if before else "none",
    }
    for key, value in tags.items():
        client.set_model_version_tag(version.name, version.version, key, value)
    if before:
        client.set_model_version_tag(before.name, before.version, UNTIL, tags[SINCE])
    client.set_registered_model_alias(version.name, CHAMPION, version.version)
