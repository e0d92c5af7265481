"""Optuna's storage, study, sampler and pruner; counts trials and recovers lost ones."""

import copy
import json
import time
import uuid
import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import optuna
from optuna.study import Study
from optuna.trial import FrozenTrial, Trial, TrialState
from sqlalchemy.exc import SQLAlchemyError

from pipeline.config import did_you_mean
from pipeline.storage import PipelineError, is_alive, is_damaged, private_file, root
from pipeline.sweep.optuna_internals import live_trial
from pipeline.sweep.plan import Plan

optuna.logging.set_verbosity(optuna.logging.WARNING)
warnings.filterwarnings("ignore", category=optuna.exceptions.ExperimentalWarning)

OWNER, SEEN, RUN, ENDED, RETRY_OF = "owner", "seen", "mlflow_run", "ended", "retry_of"
"""User attributes of a trial: the process that runs it, the time of its last heartbeat, its MLflow run, how it ended
(Optuna itself knows only FAIL), and the trial that it retries."""
FAILED, INTERRUPTED, KILLED = "failed", "interrupted", "killed"
SETTINGS, ABOUT, UID = "settings", "about", "uid"
"""User attributes of a study: the settings that identify the sweep, what a promotion needs, and an id that
distinguishes the study from an earlier one of the same name."""
SAMPLERS = ("tpe", "random", "grid", "cmaes", "gp")
PRUNERS = ("median", "percentile", "hyperband", "patient", "none")


class SweepError(PipelineError):
    """The sweep cannot continue."""


def storage_url(url: str | None) -> str:
    """Return the given URL, or that of the SQLite file at the root. PostgreSQL URLs get the driver in the lock file."""
    scheme, separator, rest = (url or f"sqlite:///{root() / 'optuna.db'}").partition("://")
    return f"{'postgresql+psycopg' if scheme in ('postgres', 'postgresql') else scheme}{separator}{rest}"


def open_storage(url: str) -> optuna.storages.BaseStorage:
    """Connect to a storage.

    Raises:
        SweepError: A driver is missing, or the server does not answer.
    """
    try:
        arguments = {"connect_args": {"timeout": 60}} if url.startswith("sqlite") else {"pool_pre_ping": True}
        if url == storage_url(None):
            private_file(root() / "optuna.db")
        try:
            return optuna.storages.RDBStorage(url, engine_kwargs=arguments)
        except (SQLAlchemyError, optuna.exceptions.StorageInternalError):
            # If two processes start at once, both create the tables and one of them fails.
            time.sleep(1)
            return optuna.storages.RDBStorage(url, engine_kwargs=arguments)
    except (ImportError, ModuleNotFoundError) as error:
        driver = "psycopg[binary]" if url.startswith("postgres") else "the driver of this database"
        shown = _without_password(url)
        raise SweepError(f"hydra.sweeper.storage: {shown}: {error}; `uv pip install '{driver}'`") from error
    except (SQLAlchemyError, optuna.exceptions.StorageInternalError) as error:
        reason = str(error.__cause__ or error).splitlines()[0]
        if is_damaged(reason):
            raise SweepError(
                f"hydra.sweeper.storage: {_without_password(url)}: the database is damaged ({reason}). Restore a "
                "backup; or let `python -m pipeline.doctor --mend` move it aside and keep the trials that it can read."
            ) from error
        start = (
            "`docker run -e POSTGRES_PASSWORD=… -p 5432:5432 postgres` starts a server; " if "postgres" in url else ""
        )
        raise SweepError(
            f"hydra.sweeper.storage: {_without_password(url)} does not answer: {reason}. {start}"
            f"hydra.sweeper.storage=null keeps the study in {root() / 'optuna.db'}"
        ) from error


def open_study(plan: Plan, settings: Mapping[str, Any], about: Mapping[str, Any]) -> Study:
    """Create a study, or open the existing one.

    Args:
        plan: The plan of the sweep.
        settings: The settings that identify the sweep, as plain values.
        about: The facts that a promotion needs.

    Raises:
        SweepError: A study of this name has a different search space or different settings.
    """
    directions: list[Any] = list(plan.directions)
    study = optuna.create_study(
        storage=open_storage(plan.storage), study_name=plan.study, directions=directions, load_if_exists=True
    )
    known, wanted = study.user_attrs.get(SETTINGS), json.loads(json.dumps(settings))
    if known is None:
        study.set_metric_names(list(plan.metrics))
        study.set_user_attr(UID, uuid.uuid4().hex)
        study.set_user_attr(ABOUT, dict(about))
        study.set_user_attr(SETTINGS, wanted)
    elif known != wanted:
        differ = [key for key in {**known, **wanted} if known.get(key) != wanted.get(key)]
        shown = "\n".join(
            f"  {key}: the study has {known.get(key)}, this sweep has {wanted.get(key)}" for key in differ
        )
        raise SweepError(
            f"study {plan.study} exists with different settings:\n{shown}\nTrials of the two cannot be compared. Set "
            "another hydra.sweeper.study_name (null: a name derived from experiment, space and data), or use the "
            "settings of the study."
        )
    return study


def load_study(plan: Plan, worker: int) -> Study:
    """Load the study for a worker, with sampler and pruner."""
    study = optuna.load_study(storage=open_storage(plan.storage), study_name=plan.study)
    # The seed differs by worker and by start, because a sampler that starts again would repeat its draws.
    given = plan.sampler.get("seed")
    seed = (
        (plan.tree["seed"] if given is None else given) + 1009 * worker + 9176 * len(study.get_trials(deepcopy=False))
    )
    study.sampler = sampler_of(plan, seed)
    study.pruner = pruner_of(plan)
    return study


def sampler_of(plan: Plan, seed: int) -> optuna.samplers.BaseSampler:
    """Create the sampler.

    Raises:
        SweepError: A name or setting is unknown, or a package is missing.
    """
    name, settings = _named(plan.sampler, SAMPLERS, "sampler")
    settings["seed"] = seed
    try:
        if name == "tpe":
            conditional = any(axis.when for axis in plan.space.axes)
            liar = {"constant_liar": plan.n_jobs > 1, "group": conditional and settings.get("multivariate", False)}
            return optuna.samplers.TPESampler(**{**liar, **settings})
        if name == "cmaes":
            import cmaes  # noqa: F401  (Optuna imports it only at the first trial)

            return optuna.samplers.CmaEsSampler(**settings)
        if name == "gp":
            import torch  # noqa: F401

            return optuna.samplers.GPSampler(**settings)
        # The points of a grid are already queued in the study.
        return optuna.samplers.RandomSampler(seed=settings["seed"])
    except ImportError as error:
        raise SweepError(
            f"hydra/sweeper/sampler={name}: needs a package that is not installed ({error}); "
            f"`uv pip install {error.name}`, or choose another sampler: {', '.join(SAMPLERS)}"
        ) from error
    except TypeError as error:
        raise SweepError(f"hydra.sweeper.sampler: {error}") from error


def pruner_of(plan: Plan) -> optuna.pruners.BasePruner:
    """Create the pruner.

    Raises:
        SweepError: A name or setting is unknown.
    """
    name, settings = _named(plan.pruner, PRUNERS, "pruner")
    folds = plan.tree["data"].get("folds", 1)
    try:
        if name == "none":
            return optuna.pruners.NopPruner()
        if name == "median":
            median = optuna.pruners.MedianPruner(**settings)
            return _ByMeanSoFar(median) if folds > 1 else median
        if name == "percentile":
            percentile = optuna.pruners.PercentilePruner(**settings)
            return _ByMeanSoFar(percentile) if folds > 1 else percentile
        if name == "hyperband":
            steps = folds if folds > 1 else plan.tree["train"]["epochs"]
            return optuna.pruners.HyperbandPruner(max_resource=steps, **settings)
        if folds > 1:
            raise SweepError(
                f"hydra/sweeper/pruner={name}: needs per-epoch values; with data.folds={folds}, trials report the mean "
                "over their folds; choose median, percentile, hyperband or none"
            )
        patience = settings.pop("patience", 1)
        return optuna.pruners.PatientPruner(optuna.pruners.MedianPruner(**settings), patience=patience)
    except (TypeError, ValueError) as error:
        raise SweepError(f"hydra.sweeper.pruner: {error}") from error


class _ByMeanSoFar(optuna.pruners.BasePruner):
    """Judges a trial by the value that it reported last.

    Optuna's pruners use the best value of all steps. That is right for epochs, because the network of the best epoch is
    kept, but not for means over folds: after an easy first fold the mean falls, and its earlier values mean nothing.

    Args:
        pruner: The pruner that decides.
    """

    def __init__(self, pruner: optuna.pruners.BasePruner) -> None:
        self._pruner = pruner

    def prune(self, study: Study, trial: FrozenTrial) -> bool:
        """Return whether to prune the trial."""
        step = trial.last_step
        if step is None:
            return False
        latest = copy.copy(trial)
        latest.intermediate_values = {step: trial.intermediate_values[step]}
        return self._pruner.prune(study, latest)


def counted(study: Study) -> list[FrozenTrial]:
    """Return the trials that count towards `n_trials`: finished, pruned, failed for good, and running."""
    return [
        trial
        for trial in study.get_trials(deepcopy=False)
        if trial.state in (TrialState.COMPLETE, TrialState.PRUNED, TrialState.RUNNING)
        or (trial.state == TrialState.FAIL and trial.user_attrs.get(ENDED, FAILED) == FAILED)
    ]


def failures(study: Study) -> list[FrozenTrial]:
    """Return the trials that failed for good."""
    return [trial for trial in counted(study) if trial.state == TrialState.FAIL]


def recover(study: Study, end_run: Callable[[str], None]) -> list[str]:
    """Queue a retry of each trial that was interrupted or whose process died.

    A trial whose process dies a second time fails.

    Args:
        study: The study to search for such trials.
        end_run: Ends the MLflow run of a lost trial as killed.

    Returns:
        A line for each trial.
    """
    lines = []
    trials = study.get_trials(deepcopy=False)
    repeated = {trial.user_attrs.get(RETRY_OF) for trial in trials}
    for trial in trials:
        attributes = trial.user_attrs
        if trial.state == TrialState.RUNNING and not is_alive(attributes.get(OWNER), _last_seen(trial)):
            if run := attributes.get(RUN):
                end_run(run)
            can_retry = attributes.get(RETRY_OF) is None or attributes.get("after") == INTERRUPTED
            live_trial(study, trial).set_user_attr(ENDED, KILLED if can_retry else FAILED)
            study.tell(trial.number, state=TrialState.FAIL)
            lines.append(
                f"trial {trial.number}: its process died; {'retrying it' if can_retry else 'failed, as it died twice'}"
            )
            if can_retry:
                _repeat(study, trial, KILLED)
        elif (ended := attributes.get(ENDED)) in (INTERRUPTED, KILLED) and trial.number not in repeated:
            _repeat(study, trial, ended)
            lines.append(f"trial {trial.number} was {ended}; retrying it")
    return lines


def origin(trial: Trial) -> int:
    """Return the number of the first trial that this one retries, or its own number."""
    return int(trial.user_attrs.get("origin", trial.number))


def _repeat(study: Study, trial: FrozenTrial, after: str) -> None:
    first = trial.user_attrs.get("origin", trial.number)
    # A trial that died before its settings were drawn gets new ones.
    study.enqueue_trial(dict(trial.params), user_attrs={RETRY_OF: trial.number, "origin": first, "after": after})


def _last_seen(trial: FrozenTrial) -> float | None:
    begun = trial.datetime_start.timestamp() if trial.datetime_start else None
    return trial.user_attrs.get(SEEN, begun)


def _named(settings: Mapping[str, Any], known: Sequence[str], kind: str) -> tuple[str, dict[str, Any]]:
    rest = dict(settings)
    name = str(rest.pop("name", ""))
    if name not in known:
        raise SweepError(f"hydra.sweeper.{kind}.name: no {kind} {name!r}{did_you_mean(name, known)}")
    return name, rest


def _without_password(url: str) -> str:
    head, at, tail = url.rpartition("@")
    return f"{head.rpartition(':')[0]}:…@{tail}" if at else url
