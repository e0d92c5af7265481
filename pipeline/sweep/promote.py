"""Turns a trial of a study into an experiment."""

from typing import Any

import optuna
import yaml
from hydra.core.override_parser.overrides_parser import OverridesParser
from optuna.trial import FrozenTrial

from pipeline.config import did_you_mean, format_score
from pipeline.storage import CONF
from pipeline.sweep.report import study_done
from pipeline.sweep.space import GROUPS, setting_of
from pipeline.sweep.study import ABOUT, SweepError, open_storage, storage_url


def promoted(study_name: str, name: str, storage: str | None, number: int | None = None) -> str:
    """Return the content of `conf/experiment/NAME.yaml`.

    Args:
        study_name: Name of the study.
        name: Name of the new experiment.
        storage: URL of Optuna's storage; None for optuna.db at the root.
        number: Number of the trial; None for the best.

    Raises:
        SweepError: There is no such study or trial.
    """
    backend = open_storage(storage_url(storage))
    known = [summary.study_name for summary in optuna.get_all_study_summaries(backend, include_best_trial=False)]
    if study_name not in known:
        raise SweepError(f"no study {study_name!r} in {storage_url(storage)}{did_you_mean(study_name, known)}")
    study = optuna.load_study(storage=backend, study_name=study_name)
    about = study.user_attrs[ABOUT]
    if name == about["experiment"]:
        raise SweepError(
            f"{name} is the experiment that was searched, and the new one inherits from it; choose another name"
        )
    trial = _chosen(study, number)
    scores = ", ".join(f"{m} {format_score(v)}" for m, v in zip(about["metrics"], trial.values, strict=True))
    groups, values = _fixed(about["overrides"])
    parent = about["experiment"]
    for key, drawn in trial.params.items():
        if key == "experiment":
            parent = drawn
        elif key in GROUPS:
            groups[key] = drawn
        else:
            values[key] = setting_of(drawn)
    defaults = "".join(f"  - override /{group}: {choice}\n" for group, choice in groups.items())
    return (
        "# @package _global_\n"
        f"# Trial {trial.number} of sweep {study_name}: {scores}. Written by `python -m pipeline.promote`.\n"
        f"defaults:\n  - {parent}\n{defaults}  - _self_\n\n"
        f"name: {name}\n" + yaml.safe_dump(_nested(values), sort_keys=False, allow_unicode=True)
    )


def _chosen(study: optuna.Study, number: int | None) -> FrozenTrial:
    done = study_done(study)
    if number is not None:
        done = [trial for trial in done if trial.number == number]
    if not done:
        wanted = "finished trial" if number is None else f"finished trial {number}"
        raise SweepError(f"study {study.study_name} has no {wanted}")
    if number is None and len(study.directions) > 1:
        front = ", ".join(str(trial.number) for trial in study.best_trials)
        raise SweepError(
            f"study {study.study_name} has several metrics and no single best trial; choose one of {front} with --trial"
        )
    return done[0]


def _fixed(overrides: list[str]) -> tuple[dict[str, str], dict[str, Any]]:
    folders = {path.name for path in CONF.iterdir() if path.is_dir()}
    groups, values = {}, {}
    for text in overrides:
        override = OverridesParser.create().parse_override(text)
        if override.key_or_group in folders:
            if override.key_or_group != "experiment":
                groups[override.key_or_group] = str(override.value())
        elif not override.key_or_group.startswith("tracking."):
            values[override.key_or_group] = override.value()
    return groups, values


def _nested(values: dict[str, Any]) -> dict[str, Any]:
    tree: dict[str, Any] = {}
    for key, value in values.items():
        *sections, name = key.split(".")
        parent = tree
        for section in sections:
            parent = parent.setdefault(section, {})
        parent[name] = value
    return tree
