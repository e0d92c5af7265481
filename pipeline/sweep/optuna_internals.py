"""Interfaces of Optuna that are not public, all in one place; pyproject.toml bounds Optuna's version for them."""

from optuna import Study
from optuna.trial import FrozenTrial, Trial


def live_trial(study: Study, trial: FrozenTrial) -> Trial:
    """Return a trial that another process began, so that its attributes can be set."""
    return Trial(study, trial._trial_id)
